import { z } from 'zod';
import { ERROR_TYPES, KINDS, type ErrorType } from '../contract/index.js';

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

export const SnapshotSchema = z.object({
  path: Path,
  name: FileName,
  compression: z.literal('gzip'),
  ...StoredSums,
  /** Rows per kind; a kind none of whose tables the database has is left out. */
  rows: RowsByKind,
});
export type Snapshot = z.infer<typeof SnapshotSchema>;

export const ExportSchema = z.object({
  /** Rows written, per kind; a kind none of whose tables the database has is left out. */
  rows: RowsByKind,
  ...StoredSums,
  /** Rows left out for want of an id or of content, for each kind that `rows` has. */
  skipped: RowsByKind,
});
export type ExportResult = z.infer<typeof ExportSchema>;

export const MergeSchema = z.object({ rows: z.number().int().nonnegative() });
export type MergeResult = z.infer<typeof MergeSchema>;

/** `work` is a folder of this one job, empty at its start; the pool removes it, also after a kill. */
const Work = { work: Path };

const HashFile = z.object({ job: z.literal('hashFile'), path: Path });
const SnapshotDatabase = z.object({
  job: z.literal('snapshotDatabase'),
  database: Path,
  folder: Path,
  name: FileName,
  memoryLimitMb: z.number().int().positive(),
  ...Work,
});
const ExportDatabase = z.object({
  job: z.literal('exportDatabase'),
  stored: Path,
  output: Path,
  maxRawBytes: Bytes,
  memoryLimitMb: z.number().int().positive(),
  ...Work,
});

const MergeExports = z.object({
  job: z.literal('mergeExports'),
  inputs: z.array(z.object({ path: Path, name: FileName })).min(1),
  output: Path,
  /** IANA zone of the writer's timestamps. */
  timeZone: z.string().min(1),
  /** Milliseconds since 1970. */
  uploadedAt: z.number().int(),
  asOf: z.number().int(),
  memoryLimitMb: z.number().int().positive(),
  ...Work,
});

export const JobSchema = z.discriminatedUnion('job', [
  HashFile,
  SnapshotDatabase,
  ExportDatabase,
  MergeExports,
]);
export type Job = z.infer<typeof JobSchema>;
export type SnapshotJob = z.infer<typeof SnapshotDatabase>;
export type ExportJob = z.infer<typeof ExportDatabase>;
export type MergeJob = z.infer<typeof MergeExports>;

export const RequestSchema = z.object({ id: z.number().int(), job: JobSchema });
export type Request = z.infer<typeof RequestSchema>;

const KnownErrorType = z.custom<ErrorType>(
  (type) => typeof type === 'string' && Object.hasOwn(ERROR_TYPES, type),
);

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
