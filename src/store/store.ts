import type { HeldRows, Kind, MemoryKey, RowCounts, SystemId, Tier, UploadRef } from '../contract/index.js';
import type { FailPoint } from '../faults/index.js';
import type { TierAges } from '../memory/index.js';
import type { Candidate, MemoryPage, PageRequest, SearchFilters, StoredMemory } from './memories.js';

export type * from './memories.js';

/**
 * - `pending`: queued. `committed`: its rows are placed, its receipt is due. `receipted`: its inbox entry is to go.
 * - `done`: nothing left to do. `raw_gone`: its files are deleted. `quarantined`: cannot be read; waits for a person.
 */
export type UploadState = 'pending' | 'committed' | 'receipted' | 'done' | 'raw_gone' | 'quarantined';

/** An upload that discovery came across. */
export interface FoundUpload extends UploadRef {
  /** The names of its folders, where they are not its ids. */
  place?: UploadRef;
  /** What its system calls itself, where that is not its id. */
  systemName?: string;
  order: number;
  /** The order of the host's upload before it; null where there is none or the manifest does not say. */
  previousOrder: number | null;
  /** Whether more uploads of its order may come (see `Manifest.partial`). */
  partial?: boolean;
  manifestSha256: string;
  /** Milliseconds since 1970, by the host's clock. */
  createdAt: number;
}

export interface KnownUpload {
  place: UploadRef;
  ref: UploadRef;
  state: UploadState;
}

export interface IngestedFile {
  name: string;
  checksum: string;
  raw_checksum: string;
  /** These four as in the receipt (`ReceiptSchema`); on record since receipts have them. */
  reader?: string;
  flags?: string[];
  excluded?: Partial<Record<Kind, number>>;
  reason?: string;
}

/** An upload in the queue or the ledger. `rows` counts once it is committed. */
export interface UploadRecord extends UploadRef {
  /** The names of its folders: what keys are made of. */
  place: UploadRef;
  order: number;
  state: UploadState;
  manifestSha256: string;
  createdAt: number;
  committedAt: number | null;
  /** Times in a row that a reader had its files and did not come back with their rows. */
  attempts: number;
  files: IngestedFile[];
  mirrors: Kind[];
  reader: string | null;
  reason: string | null;
  rows: RowCounts;
}

export interface QuarantinedUpload extends UploadRef {
  systemName: string;
  reason: string;
  /** Milliseconds since 1970, by the system's clock. */
  since: number;
}

export interface SystemName {
  systemId: SystemId;
  name: string;
}

/** What an ingest brings: one Parquet file of `BATCH_COLUMNS`, one row per key. */
export interface IngestBatch {
  upload: UploadRef;
  rowsFile: string;
  /** The kinds of which the upload has all that its host has: only of these can a memory be absent. */
  covers: readonly Kind[];
  /** Those of them of which what is absent is deleted: none where the system is not mirrored. */
  mirrors: readonly Kind[];
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
 * An open operation. Steps must be called in order; each fails with `OperationClosed` once somebody else closed it, with
 * `Cancelled` once the signal that it was opened with is raised, and a write runs only while it is open. `close` aborts it unless
 * it was committed, and frees what it holds; call it always.
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
  /** How many rows have to be written, deletions included. */
  readonly writes: number;
  insertRows(): Promise<void>;
  /** Writes the rows, with their row ids, to a Parquet file: the journal object's content. */
  exportJournal(path: string): Promise<void>;
  /** The one transaction. `journal` is required where `writes` is above 0. */
  commit(journal: WrittenObject | undefined): Promise<RowCounts>;
}

/** What a move came to. The rows held stay where they are, out of moves for a day. */
export interface MoveOutcome {
  moved: number;
  held: HeldRows[];
}

export interface MoveOperation extends Operation {
  readonly rows: number;
  copyRows(): Promise<void>;
  /** Reads the copies back. A row whose copy differs is held by the commit, and the others are moved. */
  verifyCopies(): Promise<void>;
  commit(): Promise<MoveOutcome>;
}

export interface ColdPartitionDue {
  systemId: string;
  year: number;
  month: number;
  rows: number;
}

export interface ColdOperation extends Operation {
  readonly rows: number;
  /** How many of them stand where their placements say. Where it is 0 there is no object to write. */
  readonly found: number;
  readonly batchId: number;
  exportObject(path: string): Promise<void>;
  /**
   * Compares the rows of an object that was read back with their sources; keeps the file as the cached copy. A row that differs is held by
   * the commit, and the others are moved.
   */
  verifyObject(path: string, object: WrittenObject): Promise<void>;
  /** `object` is required where `found` is above 0. */
  commit(object: WrittenObject | undefined): Promise<MoveOutcome>;
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
  /** Those that are on record, whatever their ids are. */
  knownUploads(places: readonly UploadRef[]): Promise<KnownUpload[]>;
  nextUpload(systemId: string): Promise<UploadRecord | undefined>;
  getUpload(ref: UploadRef): Promise<UploadRecord | undefined>;
  /** Of all a system's uploads on record, whatever their state; 0 where there is none. */
  greatestOrder(systemId: SystemId): Promise<number>;
  unfinishedSystems(limit: number): Promise<string[]>;
  /** Uploads queued at or before this instant (the system's clock) that are neither done nor quarantined. */
  countUnfinished(registeredBefore: number): Promise<number>;
  countUploads(): Promise<Record<UploadState, number>>;
  markReceipted(ref: UploadRef): Promise<void>;
  markDone(ref: UploadRef): Promise<void>;
  /**
   * Counts an attempt to read a pending upload, before it begins, so that one which takes the process down with it counts too.
   * Returns how many there were in a row, with this one, and what the one before it failed with, if it told.
   */
  beginRead(ref: UploadRef): Promise<{ attempts: number; lastFailure: string | null }>;
  /** The attempt that was begun last told why it failed. */
  recordReadFailure(ref: UploadRef, reason: string): Promise<void>;
  /** Takes back the attempt that was begun last: what ended it was not the upload. */
  withdrawRead(ref: UploadRef): Promise<void>;
  /** It was read: no attempt counts any more. */
  clearReads(ref: UploadRef): Promise<void>;
  /** Returns whether it is in quarantine since now. */
  quarantine(ref: UploadRef, reason: string): Promise<boolean>;
  /** What waits for a person, the latest first. */
  quarantinedUploads(limit: number): Promise<QuarantinedUpload[]>;
  /** Systems whose name is not their id, in order of their ids; with `systemId` that one alone, if it is one. */
  renamedSystems(limit: number, systemId?: SystemId): Promise<SystemName[]>;

  // Ingest.
  openIngest(batch: IngestBatch, signal?: AbortSignal): Promise<IngestOperation>;

  // Tiers.
  countDue(asOf: number): Promise<{ hot: number; warm: number }>;
  openMove(asOf: number, limit: number, signal?: AbortSignal): Promise<MoveOperation | undefined>;
  coldPartitionsDue(asOf: number, all: boolean): Promise<ColdPartitionDue[]>;
  openCold(
    asOf: number,
    partition: ColdPartitionDue,
    limit: number,
    signal?: AbortSignal,
  ): Promise<ColdOperation | undefined>;
  countTiers(): Promise<Record<Tier, TierCounts>>;
  closeExpiredOperations(): Promise<number>;
  /** Raises `Cancelled` between two parts of it once the signal is raised; what it deleted until then was garbage all the same. */
  sweepRows(options: SweepOptions, signal?: AbortSignal): Promise<SweptCounts>;
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
  /**
   * A page of a system's memories in order of kind and memory id, each as it is when the page is read. Raises `VerifyFailed` where a row
   * is not where it should be: a page never leaves one out.
   */
  listMemories(systemId: SystemId, page: PageRequest): Promise<MemoryPage>;

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
