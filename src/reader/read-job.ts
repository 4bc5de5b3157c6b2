import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { isAkoshaError } from '../contract/index.js';
import type { RowKey } from '../memory/index.js';
import { SOURCE } from './database-file.js';
import { exportDatabase, type DatabaseJob, type ExportedDatabase } from './export-database.js';
import { mergeExports, type ExportedFile, type MergedRows } from './merge-exports.js';
import type { DatabaseToRead, ReadJob, ReadResult } from './messages.js';
import { Sandbox } from './sandbox.js';

/** This process's, for the files of all its jobs: to make one takes longer than to read a hundred rows. */
let sandbox: Sandbox | undefined;

/**
 * Reads the databases of one upload, and makes one Parquet with `BATCH_COLUMNS` out of them, one row per key, at `job.output`; none
 * where no database could be read. What came of a single one may have its `source_rank` besides.
 *
 * Raises what `exportDatabase` does. A database that its host could not read either is answered with its fault instead.
 */
export async function readDatabases(request: ReadJob): Promise<ReadResult> {
  // Here and not by whoever asks: a server that reads hundreds of uploads a minute has better to do than to clear up after each. Of a reader
  // that is killed the whole folder goes.
  const work = await mkdtemp(join(request.root, 'job-'));
  try {
    return await readInto({ ...request, work });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A job and its folder. */
type RunningJob = ReadJob & { work: string };

async function readInto(job: RunningJob): Promise<ReadResult> {
  const known = job.known === undefined ? undefined : await fetchKnown(job, job.known);
  const databases: ReadResult['databases'] = [];
  const exports: (ExportedFile & ExportedDatabase)[] = [];
  for (const [index, database] of job.databases.entries()) {
    const path = join(job.work, `${index}.parquet`);
    const outcome = await readOne(job, database, { index, path, known });
    if ('fault' in outcome) {
      databases.push(outcome);
      continue;
    }
    databases.push(outcome.result);
    exports.push({ ...outcome, path, name: database.label });
  }
  if (exports.length === 0) return { databases, rows: 0, keys: null, missing: null };
  const whole = join(job.work, 'rows.parquet');
  const merged = await inSandbox(job, (connection) => rowsOf(connection, exports, { output: whole, known }));
  // DuckDB writes nowhere but in the job's folder.
  await move(whole, job.output);
  return { databases, ...merged };
}

/** DuckDB reads nothing outside the job's folder. */
async function fetchKnown({ work }: RunningJob, list: string): Promise<string> {
  const path = join(work, 'known.csv');
  await copyFile(list, path);
  return path;
}

type ReadOne = ExportedDatabase | { fault: { type: 'DatabaseUnreadable'; message: string } };

async function readOne(
  job: RunningJob,
  { mayFail, ...database }: DatabaseToRead,
  { index, path, known }: { index: number; path: string; known: string | undefined },
): Promise<ReadOne> {
  const work = join(job.work, String(index));
  await mkdir(work);
  const { timeZone, uploadedAt, asOf, maxRawBytes, memoryLimitMb, external, externalTimeoutMs } = job;
  const own: DatabaseJob = {
    ...database,
    times: { timeZone, uploadedAt, asOf },
    maxRawBytes,
    memoryLimitMb,
    external,
    externalTimeoutMs,
    output: path,
    work,
    // Of several they would have to be merged, as their rows are.
    wantsKeys: job.databases.length === 1,
    known,
  };
  try {
    return await exportDatabase(own, (read) => inSandbox(job, read));
  } catch (error) {
    if (!mayFail || !isAkoshaError(error, 'DatabaseUnreadable')) throw error;
    return { fault: { type: 'DatabaseUnreadable', message: error.message } };
  } finally {
    // Unpacked, a database may take a thousand times what was sent, and an upload may hold a thousand.
    await rm(work, { recursive: true, force: true });
  }
}

/** The job's folder is removed after it. */
async function move(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EXDEV') throw error;
    await copyFile(from, to);
  });
}

/** A single database whose keys differ is the whole already. */
async function rowsOf(
  connection: DuckDBConnection,
  exports: readonly (ExportedFile & ExportedDatabase)[],
  { output, known }: { output: string; known: string | undefined },
): Promise<MergedRows & { keys: RowKey[] | null }> {
  const [only, ...others] = exports;
  if (only !== undefined && others.length === 0 && isWhole(only)) {
    await rename(only.path, output);
    return { rows: only.written, keys: only.keys, missing: only.passed?.missing ?? null };
  }
  return { ...(await mergeExports(connection, exports, output, known)), keys: null };
}

function isWhole({ keys, passed }: ExportedDatabase): boolean {
  return passed === null ? keys !== null && areDifferent(keys) : passed.missing !== null;
}

function areDifferent(keys: readonly RowKey[]): boolean {
  return new Set(keys.map(({ kind, memoryId }) => `${kind} ${memoryId}`)).size === keys.length;
}

/**
 * Runs `work` on a connection of its own, and detaches what it attached. After a failure nothing of the instance meets the next file.
 */
async function inSandbox<T>(
  { root, memoryLimitMb, maxRawBytes }: ReadJob,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  sandbox ??= await Sandbox.open({ folder: root, memoryLimitMb, maxSpillBytes: maxRawBytes });
  try {
    return await sandbox.run(async (connection) => {
      const result = await work(connection);
      await connection.run(`DETACH DATABASE IF EXISTS ${SOURCE}`);
      return result;
    });
  } catch (error) {
    sandbox.close();
    sandbox = undefined;
    throw error;
  }
}
