import { join } from 'node:path';
import { isAkoshaError, messageOf } from '../contract/index.js';
import { isMemoriesFile } from '../memory/index.js';
import { readForeign } from './convert.js';
import { attachForeign, brokenRule, foreignFault, type ForeignFile } from './database-file.js';
import { attachFolded, logsBeside, removeLogs } from './logs.js';
import { readMemories } from './memories-file.js';
import type { ExportJob, ExportResult } from './messages.js';
import { withSandbox } from './sandbox.js';
import { decompressFile, type StoredAndRaw } from './streams.js';
import { tooLarge, writeExport } from './write-export.js';

/**
 * Reads a stored DuckDB file, or a `memories.json`, gzip or not, and writes its memories to `output` as Parquet with
 * exactly `EXPORTED_COLUMNS`.
 *
 * Raises `UploadUnreadable`, naming file and rule, for a file that is not whole, not DuckDB or JSON, too large or of
 * another schema; `DatabaseUnreadable` for a newer file version without a reader for it; `ReaderFailed` where memory or disk ran out.
 */
export async function exportDatabase(job: ExportJob): Promise<ExportResult> {
  const file: ForeignFile = {
    label: job.label,
    path: join(job.work, 'source.duckdb'),
    brokenType: 'UploadUnreadable',
  };
  const { stored, raw } = await unpack(job, file, { from: job.stored, to: file.path });
  const logs: ExportResult['logs'] = [];
  for (const log of job.logs) {
    const sums = await unpack(job, file, { from: log.stored, to: file.path + log.suffix });
    logs.push(sumsOf(sums));
  }
  const rows = isMemoriesFile(job.label)
    ? { ...(await readMemories(job, file)), logsReplayed: true }
    : await readRows(job, file);
  return { ...rows, ...sumsOf({ stored, raw }), logs };
}

function sumsOf({ stored, raw }: StoredAndRaw): ExportResult['logs'][number] {
  return {
    storedBytes: stored.bytes,
    storedSha256: stored.sha256,
    rawBytes: raw.bytes,
    rawSha256: raw.sha256,
  };
}

type Rows = Pick<ExportResult, 'rows' | 'skipped' | 'refused' | 'reader'>;

/** With the log's rows, or without them where the log cannot be replayed here either. */
async function readRows(job: ExportJob, file: ForeignFile): Promise<Rows & { logsReplayed: boolean }> {
  try {
    return { ...(await readDatabase(job, file)), logsReplayed: true };
  } catch (error) {
    const unreadable = isAkoshaError(error, file.brokenType) || isAkoshaError(error, 'DatabaseUnreadable');
    if (!unreadable || (await logsBeside(file.path)).length === 0) throw error;
    await removeLogs(file.path);
    return { ...(await readDatabase(job, file)), logsReplayed: false };
  }
}

async function readDatabase(job: ExportJob, file: ForeignFile): Promise<Rows> {
  const limits = { folder: job.work, memoryLimitMb: job.memoryLimitMb, maxSpillBytes: job.maxRawBytes };
  const options = { sandbox: limits, external: job.external, timeoutMs: job.externalTimeoutMs };
  return readForeign(file, options, (readable, reader) =>
    withSandbox({ ...limits, files: [job.output] }, async (connection) => {
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
  job: ExportJob,
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
