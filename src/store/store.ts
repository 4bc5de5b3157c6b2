import type { Kind, MemoryKey, RowCounts, Tier, UploadRef } from '../contract/index.js';
import type { FailPoint } from '../faults/index.js';
import type { TierAges } from '../memory/index.js';

/**
 * - `pending`: queued. `committed`: its rows are placed, its receipt is due. `receipted`: its inbox entry is to go.
 * - `done`: nothing left to do. `raw_gone`: its files are deleted. `quarantined`: cannot be read; waits for a person.
 */
export type UploadState = 'pending' | 'committed' | 'receipted' | 'done' | 'raw_gone' | 'quarantined';

/** An upload that discovery came across. */
export interface FoundUpload extends UploadRef {
  order: number;
  /** The order of the host's upload before it; null where there is none or the manifest does not say. */
  previousOrder: number | null;
  manifestSha256: string;
  /** Milliseconds since 1970, by the host's clock. */
  createdAt: number;
  /** Why it cannot be ingested, where the manifest alone tells. */
  quarantine?: string;
}

export interface IngestedFile {
  name: string;
  checksum: string;
  raw_checksum: string;
}

/** An upload in the queue or the ledger. `rows` counts once it is committed. */
export interface UploadRecord extends UploadRef {
  order: number;
  state: UploadState;
  manifestSha256: string;
  createdAt: number;
  committedAt: number | null;
  files: IngestedFile[];
  covers: Kind[];
  reader: string | null;
  reason: string | null;
  rows: RowCounts;
}

/** What an ingest brings: one Parquet file of `BATCH_COLUMNS`, one row per key. */
export interface IngestBatch {
  upload: UploadRef;
  rowsFile: string;
  /** The kinds that the upload's databases hold: only of these can a memory be absent. */
  covers: readonly Kind[];
  files: readonly IngestedFile[];
  reader: string;
  /** By the setting's clock, milliseconds since 1970: decides hot or warm. */
  asOf: number;
}

/** An object in object storage that an operation wrote and read back. */
export interface WrittenObject {
  name: string;
  bytes: number;
  sha256: string;
}

export interface ObjectPut {
  file: string;
  /** Where the object is read back to. */
  back: string;
  name: (sha256: string) => string;
  /** Reached between the put and the read. */
  failPoint: FailPoint;
}

/**
 * An open operation. Steps must be called in order; each fails with `OperationClosed` once somebody else closed it, and a
 * write runs only while it is open. `close` aborts it unless it was committed, and frees what it holds; call it always.
 */
export interface Operation {
  readonly opId: number;
  /** Runs a write of this operation. Closing waits for it, after raising `signal`. */
  write<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /**
   * Puts a file as an object, create-only, under a name made of its SHA-256; fetches it to `back`, and fails with
   * `ObjectCorrupt` unless what came back is what went out.
   */
  putObject(put: ObjectPut): Promise<WrittenObject>;
  close(): Promise<void>;
}

export interface IngestOperation extends Operation {
  /** How many rows have to be written. */
  readonly writes: number;
  insertRows(): Promise<void>;
  /** Writes the rows, with their row ids, to a Parquet file: the journal object's content. */
  exportJournal(path: string): Promise<void>;
  /** The one transaction. `journal` is required where `writes` is above 0. */
  commit(journal: WrittenObject | undefined): Promise<RowCounts>;
}

export interface MoveOperation extends Operation {
  readonly rows: number;
  copyRows(): Promise<void>;
  verifyCopies(): Promise<void>;
  commit(): Promise<number>;
}

export interface ColdPartitionDue {
  systemId: string;
  year: number;
  month: number;
  rows: number;
}

export interface ColdOperation extends Operation {
  readonly rows: number;
  readonly batchId: number;
  exportObject(path: string): Promise<void>;
  /** Compares the rows of an object that was read back with their sources; keeps the file as the cached copy. */
  verifyObject(path: string, object: WrittenObject): Promise<void>;
  commit(object: WrittenObject): Promise<number>;
}

export interface SearchFilters {
  systemId?: string;
  kind?: Kind;
  project?: string;
  /** Own time, milliseconds since 1970: from `since` to before `until`. */
  since?: number;
  until?: number;
  tiers: readonly Tier[];
}

export interface Candidate extends MemoryKey {
  /** Higher is better; comparable within one call only. */
  score: number;
}

/** A memory as it is now. */
export interface StoredMemory extends MemoryKey {
  tier: Tier;
  content: string;
  project: string | null;
  tags: string[];
  /** Own time, milliseconds since 1970. */
  ownTime: number;
  hash: string;
  uploadId: string;
  fields: Record<string, unknown>;
}

export interface TierCounts {
  rows: number;
  bytes: number;
  kinds: Record<Kind, number>;
}

export interface SweepOptions {
  /** By the system's clock: what was found unnamed before this instant goes now. */
  unnamedBefore: number;
}

export interface SweptCounts {
  rows: number;
  tables: number;
  objects: number;
}

/**
 * Where memories are kept, behind one interface in batches, so that another engine can take its place. It speaks keys, rows
 * and Parquet files. The steps of ingest and move are separate calls, because their order and what is durable when
 * is the protocol: see docs/reference/protocol.md.
 */
export interface MemoryStore {
  // The queue and the ledger.
  registerUploads(found: readonly FoundUpload[]): Promise<UploadRef[]>;
  knownUploads(refs: readonly UploadRef[]): Promise<{ ref: UploadRef; state: UploadState }[]>;
  nextUpload(systemId: string): Promise<UploadRecord | undefined>;
  getUpload(ref: UploadRef): Promise<UploadRecord | undefined>;
  unfinishedSystems(limit: number): Promise<string[]>;
  /** Uploads queued at or before this instant (the system's clock) that are neither done nor quarantined. */
  countUnfinished(registeredBefore: number): Promise<number>;
  countUploads(): Promise<Record<UploadState, number>>;
  markReceipted(ref: UploadRef): Promise<void>;
  markDone(ref: UploadRef): Promise<void>;
  quarantine(ref: UploadRef, reason: string): Promise<void>;

  // Ingest.
  openIngest(batch: IngestBatch): Promise<IngestOperation>;

  // Tiers.
  countDue(asOf: number): Promise<{ hot: number; warm: number }>;
  openMove(asOf: number, limit: number): Promise<MoveOperation | undefined>;
  coldPartitionsDue(asOf: number, all: boolean): Promise<ColdPartitionDue[]>;
  openCold(asOf: number, partition: ColdPartitionDue, limit: number): Promise<ColdOperation | undefined>;
  countTiers(): Promise<Record<Tier, TierCounts>>;
  closeExpiredOperations(): Promise<number>;
  sweepRows(options: SweepOptions): Promise<SweptCounts>;
  /** Which of these journal and cold objects nobody names since before `unnamedBefore`. */
  chooseObjects(names: readonly string[], options: SweepOptions): Promise<string[]>;
  /** Objects on record that nobody names, standing or not. */
  unnamedObjects(): Promise<string[]>;
  /** Drops what the store keeps about objects that are deleted. */
  forgetObjects(names: readonly string[]): Promise<void>;

  // Search. Candidates may be outdated or doubled across tiers; `fetch` is what counts.
  searchVectors(
    tier: Tier,
    vector: Float32Array,
    filters: SearchFilters,
    limit: number,
  ): Promise<Candidate[]>;
  searchWords(
    tier: Tier,
    terms: readonly string[],
    filters: SearchFilters,
    limit: number,
  ): Promise<Candidate[]>;
  fetch(keys: readonly MemoryKey[], tiers: readonly Tier[]): Promise<StoredMemory[]>;

  /** Why the store works no more, or not fully, until it is opened again: a part of it died. Undefined while all is well. */
  failure(): Error | undefined;
  checkpoint(): Promise<void>;
  close(): Promise<void>;
}

export interface TierPolicy extends TierAges {
  /** Rows due per system and month before a cold object is written, so that cold objects are not crumbs. */
  coldBatchRows: number;
  /** Days past due after which a smaller cold object is written all the same. */
  coldOverdueDays: number;
}
