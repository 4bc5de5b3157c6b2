/**
 * DuckDB's files beside a database: its log; the log that takes commits while a checkpoint runs; and the two
 * merged, while it recovers from a crash between them.
 */
export const LOG_SUFFIXES = ['.wal', '.wal.checkpoint', '.wal.recovery'] as const;
export type LogSuffix = (typeof LOG_SUFFIXES)[number];
