import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { isAkoshaError, messageOf } from '../contract/index.js';
import { isMemoriesFile } from '../memory/index.js';
import { readForeign } from './convert.js';
import { attachForeign, brokenRule, foreignFault, type ForeignFile } from './database-file.js';
import type { ReadTimes } from './export-sql.js';
import { attachFolded, logsBeside, removeLogs } from './logs.js';
import { readMemories } from './memories-file.js';
import type { DatabaseRead, DatabaseToRead, ReadJob } from './messages.js';
import { decompressFile, type StoredAndRaw } from './streams.js';
import { tooLarge, writeExport, type WrittenRows } from './write-export.js';

/** One database of a job that reads several. */
export interface DatabaseJob
  extends
    Omit<DatabaseToRead, 'mayFail'>,
    Pick<ReadJob, 'maxRawBytes' | 'memoryLimitMb' | 'external' | 'externalTimeoutMs'> {
  times: ReadTimes;
  /** The Parquet to write. */
  output: string;
  /** A folder of its own, which DuckDB may use. */
  work: string;
  wantsKeys: boolean;
  /** A list of `KNOWN_COLUMNS`, whose rows are not written where they are as it says. */
  known: string | undefined;
}

export interface ExportedDatabase extends WrittenRows {
  result: DatabaseRead;
}

/** Runs statements on a connection that ends with them, and with it what they attached. */
export type WithConnection = <T>(work: (connection: DuckDBConnection) => Promise<T>) => Promise<T>;

/**
 * Reads a stored DuckDB file, or a `memories.json`, gzip or not, and writes its memories to `output` as Parquet with
 * exactly `EXPORTED_COLUMNS`.
 *
 * Raises `UploadUnreadable`, naming file and rule, for a file that is not whole, not DuckDB or JSON, too large or of
 * another schema; `DatabaseUnreadable` for a newer file version without a reader for it; `ReaderFailed` where memory or disk ran out.
 */
export async function exportDatabase(
  job: DatabaseJob,
  withConnection: WithConnection,
): Promise<ExportedDatabase> {
  const file: ForeignFile = {
    label: job.label,
    path: join(job.work, 'source.duckdb'),
    brokenType: 'UploadUnreadable',
  };
  const { stored, raw } = await unpack(job, file, { from: job.stored, to: file.path });
  const logs: DatabaseRead['logs'] = [];
  for (const log of job.logs) {
    const sums = await unpack(job, file, { from: log.stored, to: file.path + log.suffix });
    logs.push(sumsOf(sums));
  }
  const { written, keys, passed, ...rows } = isMemoriesFile(job.label)
    ? { ...(await readMemories(job, file, withConnection)), logsReplayed: true }
    : await readRows(job, file, withConnection);
  return { result: { ...rows, ...sumsOf({ stored, raw }), logs }, written, keys, passed };
}

function sumsOf({ stored, raw }: StoredAndRaw): DatabaseRead['logs'][number] {
  return {
    storedBytes: stored.bytes,
    storedSha256: stored.sha256,
    rawBytes: raw.bytes,
    rawSha256: raw.sha256,
  };
}

/** What stands in a file. */
export type ReadRows = Pick<DatabaseRead, 'rows' | 'skipped' | 'refused' | 'reader'> & WrittenRows;

/** With the log's rows, or without them where the log cannot be replayed here either. */
async function readRows(
  job: DatabaseJob,
  file: ForeignFile,
  withConnection: WithConnection,
): Promise<ReadRows & { logsReplayed: boolean }> {
  try {
    return { ...(await readDatabase(job, file, withConnection)), logsReplayed: true };
  } catch (error) {
    const unreadable = isAkoshaError(error, file.brokenType) || isAkoshaError(error, 'DatabaseUnreadable');
    if (!unreadable || (await logsBeside(file.path)).length === 0) throw error;
    await removeLogs(file.path);
    return { ...(await readDatabase(job, file, withConnection)), logsReplayed: false };
  }
}

async function readDatabase(
  job: DatabaseJob,
  file: ForeignFile,
  withConnection: WithConnection,
): Promise<ReadRows> {
  const limits = { folder: job.work, memoryLimitMb: job.memoryLimitMb, maxSpillBytes: job.maxRawBytes };
  const options = { sandbox: limits, external: job.external, timeoutMs: job.externalTimeoutMs };
  return readForeign(file, options, (readable, reader) =>
    withConnection(async (connection) => {
      if ((await logsBeside(readable.path)).length > 0) await attachFolded(connection, readable);
      else await attachForeign(connection, readable, 'READ_ONLY');
      try {
        return { ...(await writeExport(connection, readable, job)), refused: {}, reader };
      } catch (error) {
        throw foreignFault(readable, error);
      }
    }),
  );
}

async function unpack(
  job: DatabaseJob,
  file: ForeignFile,
  { from, to }: { from: string; to: string },
): Promise<StoredAndRaw> {
  const limit = (total: number): void => {
    if (total > job.maxRawBytes) throw tooLarge(job, file, 'is', 'after decompression');
  };
  try {
    return await decompressFile(from, to, limit);
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^Z_/.test(String(error.code))) {
      throw brokenRule(file, `is not a whole gzip stream: ${messageOf(error)}`, error);
    }
    throw error;
  }
}
