import { z } from 'zod';
import { ERROR_TYPES, KINDS, type ErrorType } from '../contract/index.js';
import { FILE_FLAGS, type RowKey } from '../memory/index.js';
import { LOG_SUFFIXES } from './log-suffixes.js';

/** What a reader process is asked and what it answers. Both ends parse: neither trusts the other's memory. */
const Path = z.string().min(1);
const Bytes = z.number().int().nonnegative();
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const RowsByKind = z.partialRecord(z.enum(KINDS), z.number().int().nonnegative());

const FileName = z
  .string()
  .max(255)
  .regex(/^(?!\.{1,2}$)[A-Za-z0-9_.-]+$/, 'must be a plain file name');

export const FileSumsSchema = z.object({ bytes: Bytes, sha256: Sha256 });
export type FileSums = z.infer<typeof FileSumsSchema>;

const StoredSums = { storedBytes: Bytes, storedSha256: Sha256, rawBytes: Bytes, rawSha256: Sha256 };

const Compression = z.enum(['gzip', 'none']);

const StoredFile = z.object({ path: Path, name: FileName, compression: Compression, ...StoredSums });

export const SnapshotSchema = StoredFile.extend({
  /** Rows per kind; a kind none of whose tables the database has is left out. None where `flags` has `unread`. */
  rows: RowsByKind,
  /** What read the database, with its version; `none` where `flags` has `unread`. */
  reader: z.string(),
  flags: z.array(z.enum(FILE_FLAGS)),
  /** Rows kept back, for the kinds that have any. */
  excluded: RowsByKind,
  /** The same where no memory changed. Of a file with flags, the same where no byte of it and its logs changed. */
  rowsDigest: Sha256,
  /** The database's logs, where they could not be worked into it; flagged `log` in the manifest. */
  logs: z.array(StoredFile),
  /** Why there are flags. */
  notice: z.string().nullable(),
});
export type Snapshot = z.infer<typeof SnapshotSchema>;

const DatabaseReadSchema = z.object({
  /** Rows found that can be kept, per kind; a kind none of whose tables the database has is left out. */
  rows: RowsByKind,
  ...StoredSums,
  /** Rows left out for want of an id or of content, for each kind that `rows` has. */
  skipped: RowsByKind,
  /** How many of those for each reason, where it is known. */
  refused: z.record(z.string(), z.number().int().positive()),
  /** What read the file, with its version. */
  reader: z.string(),
  /** Whether the rows in the file's logs are among those written; true where it has none. */
  logsReplayed: z.boolean(),
  /** Of the logs, in the order of the request. */
  logs: z.array(z.object(StoredSums)),
});
/** What was read of one database. */
export type DatabaseRead = z.infer<typeof DatabaseReadSchema>;

export const RowKeySchema: z.ZodType<RowKey> = z.object({
  n: z.number().int().nonnegative(),
  kind: z.enum(KINDS),
  memoryId: z.string(),
  hash: z.string(),
  ownTime: z.number().int(),
  project: z.string().nullable(),
});

export const ReadSchema = z.object({
  /** In the order of the request. `fault` of one that may fail, and did. */
  databases: z.array(
    z.union([
      DatabaseReadSchema,
      z.object({ fault: z.object({ type: z.literal('DatabaseUnreadable'), message: z.string() }) }),
    ]),
  ),
  /** Of the batch; where no database could be read there is none. */
  rows: z.number().int().nonnegative(),
  /** Of all rows, or null where those are for the reader of the batch to get. */
  keys: z.array(RowKeySchema).nullable(),
  /** Of what the list of the request has, the numbers of what the databases do not have like that; null without a list. */
  missing: z.array(z.number().int()).nullable(),
});
export type ReadResult = z.infer<typeof ReadSchema>;

export const BuiltSchema = z.object({ ...StoredSums, rows: RowsByKind });
export type BuiltDatabase = z.infer<typeof BuiltSchema>;

export const ListSchema = z.object({ rows: z.number().int().nonnegative() });
export type ListResult = z.infer<typeof ListSchema>;

/** `work` is a folder of this one job, empty at its start; the pool removes it, also after a kill. */
const Work = { work: Path };

const Texts = z.array(z.string()).readonly();

const ExclusionsSchema = z.object({
  projects: Texts,
  kinds: z.array(z.enum(KINDS)).readonly(),
  categories: Texts,
  /** Regular expressions of RE2's syntax; one that matches anywhere in any text of a memory excludes it. */
  patterns: Texts,
});
/** What never leaves the host. */
export type Exclusions = z.infer<typeof ExclusionsSchema>;

/** How a file of a newer DuckDB is read. */
const External = {
  external: z.object({ command: Texts.optional(), pythonPath: Path.optional() }),
  /** For one external reader. */
  externalTimeoutMs: z.number().int().positive(),
};

const HashFile = z.object({ job: z.literal('hashFile'), path: Path });
const SnapshotDatabase = z.object({
  job: z.literal('snapshotDatabase'),
  database: Path,
  folder: Path,
  name: FileName,
  exclude: ExclusionsSchema,
  compression: Compression,
  compressionLevel: z.number().int().min(1).max(9),
  memoryLimitMb: z.number().int().positive(),
  ...External,
  ...Work,
});
const DatabaseToReadSchema = z.object({
  stored: Path,
  label: z.string().min(1),
  /** The file's logs, by what their name adds to the database's. */
  logs: z.array(z.object({ stored: Path, suffix: z.enum(LOG_SUFFIXES) })),
  /** Answered with its fault where it is `DatabaseUnreadable`. */
  mayFail: z.boolean(),
});
export type DatabaseToRead = z.infer<typeof DatabaseToReadSchema>;

const ReadDatabases = z.object({
  job: z.literal('readDatabases'),
  databases: z.array(DatabaseToReadSchema).min(1),
  output: Path,
  known: Path.optional(),
  /** IANA zone of the writer's timestamps. */
  timeZone: z.string().min(1),
  /** Milliseconds since 1970. */
  uploadedAt: z.number().int(),
  asOf: z.number().int(),
  maxRawBytes: Bytes,
  memoryLimitMb: z.number().int().positive(),
  ...External,
  /** The reader's own folder, the same for all its jobs: each makes one of its own in it and removes it. */
  root: Path,
});

const BuildDatabase = z.object({
  job: z.literal('buildDatabase'),
  rows: Path,
  kinds: z.array(z.enum(KINDS)).min(1),
  output: Path,
  compression: Compression,
  compressionLevel: z.number().int().min(1).max(9),
  memoryLimitMb: z.number().int().positive(),
  ...Work,
});

const ListRows = z.object({
  job: z.literal('listRows'),
  rows: Path,
  output: Path,
  memoryLimitMb: z.number().int().positive(),
  ...Work,
});

const PackRows = z.object({
  job: z.literal('packRows'),
  rows: Path,
  output: Path,
  memoryLimitMb: z.number().int().positive(),
  ...Work,
});

const KeptTableSchema = z.object({
  name: z.string(),
  path: Path,
  /** With the names of DuckDB's types, as DuckDB itself gave them. */
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
});
export type KeptTable = z.infer<typeof KeptTableSchema>;

const AssembleKept = z.object({
  job: z.literal('assembleKept'),
  tables: z.array(KeptTableSchema),
  output: Path,
  memoryLimitMb: z.number().int().positive(),
  ...Work,
});

export const KeptSchema = z.object({ rows: RowsByKind, rowsDigest: Sha256.nullable() });
export type KeptResult = z.infer<typeof KeptSchema>;

const CheckPatterns = z.object({ job: z.literal('checkPatterns'), patterns: Texts, ...Work });

export const JobSchema = z.discriminatedUnion('job', [
  HashFile,
  CheckPatterns,
  SnapshotDatabase,
  ReadDatabases,
  BuildDatabase,
  ListRows,
  PackRows,
  AssembleKept,
]);
export type Job = z.infer<typeof JobSchema>;
export type KeptJob = z.infer<typeof AssembleKept>;
export type CheckPatternsJob = z.infer<typeof CheckPatterns>;
export type SnapshotJob = z.infer<typeof SnapshotDatabase>;
export type ReadJob = z.infer<typeof ReadDatabases>;
export type BuildJob = z.infer<typeof BuildDatabase>;
export type PackJob = z.infer<typeof PackRows>;
export type ListJob = z.infer<typeof ListRows>;

export const RequestSchema = z.object({ id: z.number().int(), job: JobSchema });
export type Request = z.infer<typeof RequestSchema>;

const KnownErrorType = z.custom<ErrorType>(
  (type) => typeof type === 'string' && Object.hasOwn(ERROR_TYPES, type),
);

/** Sent when what the job needs is loaded, before any file is opened: its time begins. */
export const BegunSchema = z.object({ id: z.number().int(), begun: z.literal(true) });
export type Begun = z.infer<typeof BegunSchema>;

export const ResponseSchema = z.discriminatedUnion('ok', [
  z.object({ id: z.number().int(), ok: z.literal(true), result: z.unknown() }),
  z.object({
    id: z.number().int(),
    ok: z.literal(false),
    error: z.object({
      type: KnownErrorType,
      message: z.string(),
      details: z.record(z.string(), z.unknown()),
    }),
  }),
]);
export type Response = z.infer<typeof ResponseSchema>;
