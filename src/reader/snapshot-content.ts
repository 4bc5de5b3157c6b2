import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { AkoshaError, isAkoshaError } from '../contract/index.js';
import { compact } from './compact.js';
import { readForeign, Unconverted, type ConvertOptions } from './convert.js';
import { attachForeign, foreignFault, SOURCE, type ForeignFile } from './database-file.js';
import { excludes, missing, writeKept } from './exclusions.js';
import type { LogSuffix } from './log-suffixes.js';
import { attachFolded, logsBeside, removeLogs, setLogsAside } from './logs.js';
import { KeptSchema, type KeptResult, type KeptTable, type Snapshot, type SnapshotJob } from './messages.js';
import { OWN_READER } from './own-reader.js';
import { ReaderProcess, readerEnvironment } from './reader-process.js';
import { tryDigest } from './rows-digest.js';
import { withSandbox, type SandboxOptions } from './sandbox.js';
import { countRows, knownTables } from './source-schema.js';
import { copyStable } from './stable-copy.js';

/** Folding a log in spills next to nothing; what it does spill is of the host's own disk. */
const MAX_SPILL_BYTES = 4 * 1024 ** 3;

/** What is to be stored of a database: a file in the job's folder, and what is known of it. */
export interface Content extends Pick<Snapshot, 'rows' | 'reader' | 'flags' | 'excluded' | 'notice'> {
  path: string;
  logs: { path: string; suffix: LogSuffix }[];
  /** Null where the bytes of the files have to stand for it. */
  rowsDigest: string | null;
}

/**
 * Makes of a private copy the file that is uploaded: the copy with its log folded in, and without the blocks that it has given up where they
 * are many (`compact`); the memories alone, in a new file, where an external reader had to convert it or some are excluded; or the copy and
 * its logs as they are, flagged, where the log cannot be replayed or no reader is new enough. With exclusions nothing goes as it is: `DatabaseUnreadable` instead, or, for a log, the
 * memories without it.
 */
export function takeContent(job: SnapshotJob, copy: string): Promise<Content> {
  return take(job, { label: job.database, path: copy, brokenType: 'DatabaseUnreadable' }, 1);
}

async function take(job: SnapshotJob, file: ForeignFile, attempt: 1 | 2): Promise<Content> {
  try {
    return await readContent(job, file);
  } catch (error) {
    if (error instanceof Unconverted) return takeUnread(job, file, error);
    const unreadable = isAkoshaError(error, 'DatabaseUnreadable');
    if (!unreadable || (await logsBeside(file.path)).length === 0) throw error;
    // Once more from the start, in case the copy was torn in a way that its rule does not see.
    await copyStable(job.database, file.path);
    return attempt === 1 ? take(job, file, 2) : takeWithoutLog(job, file, error);
  }
}

/** The log cannot be replayed. Raises `DatabaseUnreadable` where the database cannot be read without it either. */
async function takeWithoutLog(job: SnapshotJob, file: ForeignFile, fault: AkoshaError): Promise<Content> {
  const notice = `${fault.message}; `;
  const flags: Content['flags'] = ['log_not_replayed'];
  if (excludes(job.exclude)) {
    await removeLogs(file.path);
    const content = await readContent(job, file);
    return { ...content, flags, notice: `${notice}its log stays here, because memories are excluded` };
  }
  const logs = await setLogsAside(file.path);
  const rows = await withSandbox(sandboxOf(job), async (connection) => {
    await attachForeign(connection, file, 'READ_ONLY');
    return countRows(connection, await knownTables(connection));
  });
  const raw = { rows, reader: OWN_READER, flags, excluded: {}, rowsDigest: null };
  return { ...raw, path: file.path, logs, notice: `${notice}its log is uploaded as it is` };
}

async function takeUnread(job: SnapshotJob, file: ForeignFile, fault: Unconverted): Promise<Content> {
  if (excludes(job.exclude)) {
    throw new AkoshaError(
      'DatabaseUnreadable',
      `${fault.message}; as it is it may not leave the host, because memories are excluded`,
      { cause: fault, details: fault.details },
    );
  }
  // The first may be folded in part.
  await copyStable(job.database, file.path);
  const logs = await setLogsAside(file.path);
  const unread = { rows: {}, reader: 'none', flags: ['unread' as const], excluded: {}, rowsDigest: null };
  return { ...unread, path: file.path, logs, notice: fault.message };
}

async function readContent(job: SnapshotJob, file: ForeignFile): Promise<Content> {
  const options: ConvertOptions = {
    sandbox: sandboxOf(job),
    external: job.external,
    timeoutMs: job.externalTimeoutMs,
  };
  return readForeign(file, options, (readable, reader) =>
    withSandbox(sandboxOf(job), async (connection) => {
      await attachFolded(connection, readable);
      try {
        const content = await selectContent(job, connection, readable);
        return { ...content, reader, flags: [], notice: null, logs: [] };
      } catch (error) {
        throw foreignFault(readable, error);
      }
    }),
  );
}

type Selected = Pick<Content, 'path' | 'rows' | 'excluded' | 'rowsDigest'>;

async function selectContent(
  job: SnapshotJob,
  connection: DuckDBConnection,
  { path }: ForeignFile,
): Promise<Selected> {
  const tables = await knownTables(connection);
  const rows = await countRows(connection, tables);
  if (!excludes(job.exclude)) {
    const rowsDigest = await tryDigest(connection, tables);
    const compacted = join(job.work, 'compacted.duckdb');
    const isCompact = await compact(connection, compacted);
    await connection.run(`DETACH ${SOURCE}`);
    return { path: isCompact ? compacted : path, rows, excluded: {}, rowsDigest };
  }
  const kept = await writeKept(connection, { tables, exclude: job.exclude, folder: job.work });
  const output = join(job.work, 'kept.duckdb');
  const assembled = await assembleElsewhere(job, kept, output);
  return { path: output, ...assembled, excluded: missing(rows, assembled.rows) };
}

/** In a process of its own, whose memory never held what is excluded; it ends with this one. */
async function assembleElsewhere(job: SnapshotJob, tables: KeptTable[], output: string): Promise<KeptResult> {
  const { memoryLimitMb, work, externalTimeoutMs: timeoutMs } = job;
  const assembler = new ReaderProcess(readerEnvironment(false));
  try {
    const kept = { job: 'assembleKept' as const, tables, output, memoryLimitMb, work };
    return KeptSchema.parse(await assembler.run(kept, { timeoutMs }));
  } finally {
    await assembler.end();
  }
}

function sandboxOf({ work, memoryLimitMb }: SnapshotJob): SandboxOptions {
  return { folder: work, memoryLimitMb, maxSpillBytes: MAX_SPILL_BYTES };
}
