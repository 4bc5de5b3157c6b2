import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, resolve } from 'node:path';
import { z } from 'zod';
import { AkoshaError, messageOf } from '../contract/index.js';
import { inScratch } from '../runtime/index.js';
import {
  BuiltSchema,
  FileSumsSchema,
  ListSchema,
  ReadSchema,
  SnapshotSchema,
  type BuiltDatabase,
  type Exclusions,
  type FileSums,
  type Job,
  type ListResult,
  type ReadResult,
  type Snapshot,
} from './messages.js';
import type { ExternalReaderOptions } from './external-reader.js';
import { Lanes, type SlowLaneOptions, type Work } from './lanes.js';
import { readerFailed } from './reader-failed.js';
import { ReaderProcess, readerEnvironment } from './reader-process.js';
import type { BuildRequest, ListRequest, ReadRequest, SnapshotRequest } from './requests.js';

/**
 * A fresh child costs 200 ms of CPU, a reused one 3 ms a file; after some hundred files the difference is
 * earned, and whatever a native library leaked goes with the process.
 */
const MAX_JOBS_PER_CHILD = 300;

/** A host's whole history is tens of megabytes; what goes beyond this is a mistake or a bomb. */
const MAX_UPLOAD_BYTES = 8 * 1024 ** 3;

const ZLIB_LEVEL = 6;

const NOTHING: Exclusions = { projects: [], kinds: [], categories: [], patterns: [] };

export interface ReaderPoolOptions {
  /** Children at work at once, but for those of the slow lane. */
  size: number;
  /** Where jobs of an owner go that take long while others wait. By default they keep their place. */
  slow?: SlowLaneOptions | undefined;
  /** For DuckDB in each child. */
  memoryLimitMb: number;
  /** For one job, all databases of an upload together, from its start in a child, not from its call. */
  jobTimeoutMs: number;
  maxJobsPerChild?: number;
  /** An existing folder in which databases are unpacked and read: up to the files of one upload for each child. Default the system's. */
  folder?: string;
  /** Of the files of one upload as stored, and of each of them decompressed, read and written out. Default 8 GiB. */
  maxUploadBytes?: number;
  /** Who reads databases of a newer DuckDB than this build's. */
  external?: ExternalReaderOptions;
}

export interface JobOptions {
  signal?: AbortSignal | undefined;
  /** On whose behalf, a system's for one: its jobs give way to those of others where they take long. By default they never do. */
  owner?: string | undefined;
}

/**
 * Child processes that open foreign DuckDB files, hash and compress, so that a hostile or broken file, and
 * work that would block the event loop, stay out of this process. Children are forked when first needed and
 * used again.
 *
 * Every method raises the job's own error, `ReaderFailed` where the child died or timed out (`isMachineFault`
 * tells whether another file would have fared the same), `Cancelled` where the signal fired or the pool was
 * closed. A child whose job failed, whatever the reason, is replaced.
 */
export class ReaderPool {
  readonly #options: Required<Omit<ReaderPoolOptions, 'slow'>>;
  readonly #lanes: Lanes;
  readonly #idle: ReaderProcess[] = [];
  readonly #busy = new Set<ReaderProcess>();
  readonly #ending = new Set<Promise<void>>();
  #forked = 0;
  #closed = false;

  constructor({ slow, ...options }: ReaderPoolOptions) {
    this.#options = {
      maxJobsPerChild: MAX_JOBS_PER_CHILD,
      maxUploadBytes: MAX_UPLOAD_BYTES,
      external: {},
      folder: tmpdir(),
      ...options,
    };
    this.#lanes = new Lanes({ size: options.size, slow });
  }

  get maxUploadBytes(): number {
    return this.#options.maxUploadBytes;
  }

  /** How many children the pool has started so far. */
  get forked(): number {
    return this.#forked;
  }

  hashFile(path: string, options: JobOptions = {}): Promise<FileSums> {
    return this.#run({ job: 'hashFile', path }, FileSumsSchema, options);
  }

  /**
   * Takes a copy of a live database with its log, never opening the original, and leaves what is to be uploaded of it at
   * `<folder>/<name>`, forced to disk, its logs beside it where they could not be worked in. Raises `DatabaseUnreadable` and
   * `SnapshotTorn` besides.
   */
  async snapshotDatabase(request: SnapshotRequest, options: JobOptions = {}): Promise<Snapshot> {
    const { exclude = NOTHING, compression = 'gzip', compressionLevel = ZLIB_LEVEL } = request;
    const ways = { exclude, compression, compressionLevel, ...this.#limits() };
    return inJobFolder(request.folder, (work) =>
      this.#run({ job: 'snapshotDatabase', ...request, ...ways, work }, SnapshotSchema, options),
    );
  }

  /** Raises `SettingsInvalid`, naming the pattern, for one that DuckDB's regular expressions, which are RE2's, do not take. */
  async checkPatterns(patterns: readonly string[], options: JobOptions = {}): Promise<void> {
    await inJobFolder(tmpdir(), (work) =>
      this.#run({ job: 'checkPatterns', patterns, work }, z.unknown(), options),
    );
  }

  /**
   * Reads the databases of one upload, and makes one Parquet of `BATCH_COLUMNS` out of their memories, one row per key. No `output` is
   * left where it fails. Raises `UploadUnreadable` and `DatabaseUnreadable` besides, but the latter not of a database that may fail.
   */
  async readDatabases(request: ReadRequest, options: JobOptions = {}): Promise<ReadResult> {
    const { databases, known, ...rest } = request;
    const named = databases.map(({ stored, label = basename(stored), logs = [], mayFail = false }) => ({
      stored,
      label,
      logs: [...logs],
      mayFail,
    }));
    const output = resolve(request.output);
    const ways = { maxRawBytes: this.maxUploadBytes, ...this.#limits() };
    const paths = { output, ...(known === undefined ? {} : { known: resolve(known) }) };
    try {
      return await this.#withReader(options, async (reader, signal, begin) => {
        const root = await this.#folderOf(reader);
        const job: Job = { job: 'readDatabases', ...rest, databases: named, ...paths, ...ways, root };
        const result = await this.#ask(reader, job, ReadSchema, [signal, begin]);
        if (result.databases.some((database) => 'fault' in database)) reader.spend();
        return result;
      });
    } catch (error) {
      await rm(output, { force: true });
      throw error;
    }
  }

  /**
   * Makes a Session-Buddy database of rows; their content hashes stay what they are. Raises `BadRequest` besides, for rows that
   * break the format.
   */
  buildDatabase(request: BuildRequest, options: JobOptions = {}): Promise<BuiltDatabase> {
    const { scratch, rows, kinds, output, compression = 'none' } = request;
    const { memoryLimitMb } = this.#options;
    const ways = { compression, compressionLevel: ZLIB_LEVEL, memoryLimitMb };
    const paths = { rows: resolve(rows), output: resolve(output) };
    return inJobFolder(scratch, (work) =>
      this.#run({ job: 'buildDatabase', ...paths, kinds: [...kinds], ...ways, work }, BuiltSchema, options),
    );
  }

  /** Writes the rows of a merged export as JSON lines, in the row format of `buildDatabase`. */
  listRows({ scratch, rows, output }: ListRequest, options: JobOptions = {}): Promise<ListResult> {
    const { memoryLimitMb } = this.#options;
    const paths = { rows: resolve(rows), output: resolve(output) };
    return inJobFolder(scratch, (work) =>
      this.#run({ job: 'listRows', ...paths, memoryLimitMb, work }, ListSchema, options),
    );
  }

  /** Writes rows of an export (JSON lines) as Parquet. */
  packRows({ scratch, rows, output }: ListRequest, options: JobOptions = {}): Promise<ListResult> {
    const { memoryLimitMb } = this.#options;
    const paths = { rows: resolve(rows), output: resolve(output) };
    return inJobFolder(scratch, (work) =>
      this.#run({ job: 'packRows', ...paths, memoryLimitMb, work }, ListSchema, options),
    );
  }

  #limits(): { memoryLimitMb: number; external: ExternalReaderOptions; externalTimeoutMs: number } {
    const { memoryLimitMb, external, jobTimeoutMs } = this.#options;
    // Half, so that a job whose external reader hangs still has the time to go on without it.
    return { memoryLimitMb, external, externalTimeoutMs: Math.ceil(jobTimeoutMs / 2) };
  }

  /** Ends the idle children, kills the busy ones, and rejects what runs or waits. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#lanes.refuse(poolClosed());
    const idle = this.#idle.splice(0).map((reader) => reader.end());
    await Promise.all([...idle, ...[...this.#busy].map((reader) => reader.kill()), ...this.#ending]);
  }

  #run<T>(job: Job, schema: z.ZodType<T>, options: JobOptions): Promise<T> {
    return this.#withReader(options, (reader, ...turn) => this.#ask(reader, job, schema, turn));
  }

  #withReader<T>(
    { signal: caller, owner }: JobOptions,
    use: (reader: ReaderProcess, ...turn: Parameters<Work<T>>) => Promise<T>,
  ): Promise<T> {
    return this.#lanes.run(owner, caller, async (...turn) => {
      const reader = this.#take();
      try {
        return await use(reader, ...turn);
      } catch (error) {
        throw this.#closed ? poolClosed(error) : error;
      } finally {
        this.#release(reader);
      }
    });
  }

  async #ask<T>(
    reader: ReaderProcess,
    job: Job,
    schema: z.ZodType<T>,
    [signal, onBegun]: Parameters<Work<T>>,
  ): Promise<T> {
    const answer = await reader.run(job, { timeoutMs: this.#options.jobTimeoutMs, signal, onBegun });
    const result = schema.safeParse(answer);
    // A reader of another version, as above.
    if (!result.success)
      throw readerFailed(`${job.job}: ${z.prettifyError(result.error)}`, { machine: true });
    return result.data;
  }

  /** The reader's own. Raises `ReaderFailed` of the machine; the reader is then not used again. */
  async #folderOf(reader: ReaderProcess): Promise<string> {
    try {
      return await reader.folderIn(this.#options.folder);
    } catch (error) {
      reader.spend();
      throw readerFailed(`no folder for a reader in ${this.#options.folder}: ${messageOf(error)}`, {
        machine: true,
        cause: error,
      });
    }
  }

  #take(): ReaderProcess {
    if (this.#closed) throw poolClosed();
    let reader = this.#idle.pop();
    while (reader !== undefined && !reader.usable) reader = this.#idle.pop();
    reader ??= this.#fork();
    this.#busy.add(reader);
    return reader;
  }

  /**
   * Fail points go to the first child only: each child counts its own hits, and a fault is meant to strike
   * once.
   */
  #fork(): ReaderProcess {
    this.#forked += 1;
    return new ReaderProcess(readerEnvironment(this.#forked === 1));
  }

  #release(reader: ReaderProcess): void {
    this.#busy.delete(reader);
    if (this.#closed) return;
    if (reader.usable && reader.jobs < this.#options.maxJobsPerChild) this.#idle.push(reader);
    else this.#retire(reader);
  }

  #retire(reader: ReaderProcess): void {
    const ended = reader.end().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }
}

/** A folder for one job, removed also where the child was killed. */
function inJobFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  return inScratch(parent, '.reader-', work);
}

function poolClosed(cause?: unknown): AkoshaError {
  return new AkoshaError('Cancelled', 'the reader pool was closed', { cause });
}
