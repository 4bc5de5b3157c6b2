import { rename, rm, stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { attachForeign, brokenRule, foreignFault, SOURCE, type ForeignFile } from './database-file.js';
import { LOG_SUFFIXES, type LogSuffix } from './log-suffixes.js';
import { readHead } from './streams.js';

/** The first record of every log names the log's version; it begins with field 100, record type 98. */
const LOG_MAGIC = Buffer.from([0x64, 0x00, 0x62]);

/** The logs that stand beside a database and hold anything. */
export async function logsBeside(database: string): Promise<LogSuffix[]> {
  const found: LogSuffix[] = [];
  for (const suffix of LOG_SUFFIXES) {
    const log = await stat(database + suffix).catch(() => undefined);
    if (log !== undefined && log.size > 0) found.push(suffix);
  }
  return found;
}

export async function removeLogs(database: string): Promise<void> {
  for (const suffix of LOG_SUFFIXES) await rm(database + suffix, { force: true });
}

/** Moves the logs from beside a database, so that it is opened without them; says where they are. */
export async function setLogsAside(database: string): Promise<{ path: string; suffix: LogSuffix }[]> {
  const aside: { path: string; suffix: LogSuffix }[] = [];
  for (const suffix of await logsBeside(database)) {
    const path = `${database}-log${suffix}`;
    await rename(database + suffix, path);
    aside.push({ path, suffix });
  }
  return aside;
}

/**
 * Attaches a private copy and works its log into it. Raises `file.brokenType` where the log cannot be replayed.
 */
export async function attachFolded(connection: DuckDBConnection, file: ForeignFile): Promise<void> {
  await attachForeign(connection, file, 'READ_WRITE');
  try {
    await connection.run(`CHECKPOINT ${SOURCE}`);
  } catch (error) {
    throw foreignFault(file, error);
  }
  await refuseStrangeLog(file);
}

/**
 * DuckDB takes a log for empty whose first record is broken, as if its writer had died over its first transaction, and leaves it
 * lying. Where the record's first bytes are there and are not DuckDB's, the log has been damaged, and its rows would be
 * lost without a word.
 */
export async function refuseStrangeLog(file: ForeignFile): Promise<void> {
  const log = `${file.path}.wal`;
  const left = await stat(log).catch(() => undefined);
  if (left === undefined || left.size < LOG_MAGIC.length) return;
  const head = await readHead(log, LOG_MAGIC.length);
  if (!head.equals(LOG_MAGIC)) throw brokenRule(file, 'has a log that does not begin as one of DuckDB');
}
