import type {
  HeldRows,
  Kind,
  MemoryKey,
  RowCounts,
  Selection,
  SystemId,
  Tier,
  UploadRef,
} from '../contract/index.js';
import type { FailPoint } from '../faults/index.js';
import type { RowKey, TierAges } from '../memory/index.js';
import type {
  Candidate,
  Match,
  MatchStart,
  MemoryPage,
  PageRequest,
  SearchFilters,
  StoredMemory,
} from './memories.js';
import type { ForgetStore } from './forgetting.js';
import type { CompactionStore } from './compaction.js';
import type { MemoryExplanation } from './explain.js';
import type { PinLedger } from './pins.js';
import type { Chosen, ChosenRequest, SelectedPage, SelectionPageRequest } from './selection.js';
import type { TransitionLedger } from './transitions.js';
import type { BackupStore } from './backup.js';
import type { RepairStore } from './repair.js';
import type { IngestedFile, UploadLedger } from './uploads.js';
import type { ModelVector, VectorStore } from './vectors.js';

export type * from './compaction.js';
export type * from './explain.js';
export type * from './forgetting.js';
export type * from './memories.js';
export type * from './repair.js';
export type * from './pins.js';
export type * from './selection.js';
export type * from './transitions.js';
export type * from './uploads.js';
export type * from './vectors.js';

/** What an ingest brings: one Parquet file of `BATCH_COLUMNS`, one row per key. */
export interface IngestBatch {
  upload: UploadRef;
  rowsFile: string;
  /** Of all its rows; null where the store has to read them from the file. */
  keys: readonly RowKey[] | null;
  /** The rows that are not in `rowsFile`, because they are as the store listed them; null: none is left out. */
  known: KnownUnchanged | null;
  /** The kinds of which the upload has all that its host has: only of these can a memory be absent. */
  covers: readonly Kind[];
  /** Those of them of which what is absent is deleted: none where the system is not mirrored. */
  mirrors: readonly Kind[];
  files: readonly IngestedFile[];
  /** Rows that its files have beside those in `rowsFile`, left out because they lack what a memory needs. */
  refused: number;
  reader: string;
  /** By the setting's clock, milliseconds since 1970: decides hot or warm. */
  asOf: number;
}

/** What the store listed of a system, and what of it stands in an upload with the same content. */
export interface KnownUnchanged {
  list: KnownList;
  /** The numbers of all that does not. */
  missing: readonly number[];
}

/** How many memories a list may have, so that it costs less than it saves. */
export interface ListBounds {
  least: number;
  most: number;
  /** Of the list's file. */
  mostBytes: number;
}

/** What a list of memories depends on: it holds while this is the same. */
export interface KnownState {
  /** The last place before the upload of which rows may still come: what stands there or before has to be written anew. */
  gap: { order: number; uploadId: string };
  /** The operation that placed rows of the system last since the store was opened; 0: none did. Never the same for two. */
  placedBy: number;
  /** What is forgotten of the system, as JSON. */
  tombstones: string;
}

/** Made by `listKnown`. */
export interface KnownList {
  rows: number;
  state: KnownState;
}

/** An object in object storage that an operation wrote and read back. */
export interface WrittenObject {
  name: string;
  bytes: number;
  sha256: string;
}

export interface ObjectPut {
  file: string;
  /** Where the object is read back to, unless it is small enough to be compared in memory. */
  back: string;
  /** Have it there whatever its size, for who reads on. */
  keepsBack?: boolean;
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
  /** Counts it in the report of a transition, if one is named. */
  commit(transitionId?: string): Promise<MoveOutcome>;
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
  commit(object: WrittenObject | undefined, transitionId?: string): Promise<MoveOutcome>;
}

export interface TierCounts {
  rows: number;
  /** On disk or in object storage. */
  bytes: number;
  /** Of them what rows take: a database file keeps what deleted rows freed. */
  usedBytes: number;
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

/** How long a scan may wait for those before it; nothing: until it comes. */
export interface ScanTurn {
  waitMs?: number;
  /** Raised, the scan is not begun any more. */
  signal?: AbortSignal;
}

/**
 * Where memories are kept, behind one interface in batches, so that another engine can take its place. It speaks keys, rows
 * and Parquet files. The steps of ingest and move are separate calls, because their order and what is durable when
 * is the protocol: see docs/reference/protocol.md.
 */
export interface MemoryStore
  extends
    BackupStore,
    UploadLedger,
    VectorStore,
    PinLedger,
    ForgetStore,
    TransitionLedger,
    CompactionStore,
    RepairStore {
  // Ingest.
  /**
   * Writes to `path` the memories of the upload's system that are unchanged in it where it has them with the same content: `KNOWN_COLUMNS`.
   * A reader may leave those out of the rows file; an ingest whose list does not hold any more fails with `WriteSetStale`. Undefined
   * where the store lists none for this upload, or a number out of bounds. Raises `Cancelled` between two parts of it.
   */
  listKnown(
    upload: UploadRef,
    path: string,
    bounds: ListBounds,
    signal?: AbortSignal,
  ): Promise<KnownList | undefined>;
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

  // Selections.
  countSelected(selection: Selection): Promise<Record<Tier, number>>;
  /** Its cost is that of what the filters leave out until the page is full, and the page's. */
  selectMemories(selection: Selection, page: SelectionPageRequest): Promise<SelectedPage>;
  /** Hot to warm, whatever their age. What is pinned is left out; what was thawed need not stay any longer. */
  openChosenMove(request: ChosenRequest, signal?: AbortSignal): Promise<Chosen<MoveOperation>>;
  /** Warm to cold: those of one system and month, so that they make one object. */
  openChosenCold(
    request: ChosenRequest,
    signal?: AbortSignal,
  ): Promise<Chosen<ColdOperation & { readonly partition: ColdPartitionDue }>>;
  /**
   * From cold or warm to a warmer tier, where they stay until the instant `staysUntil` (the system's clock) whatever their age. A vector comes
   * back from warm as it was rounded, and from cold not at all.
   */
  openThaw(
    request: ChosenRequest & { staysUntil: number },
    signal?: AbortSignal,
  ): Promise<Chosen<MoveOperation>>;

  // Search. Candidates may be outdated or doubled across tiers; `fetch` is what counts.
  /** Compares with the hosts' own vectors, if they are of the same model. Best first. */
  searchVectors(tier: Tier, vector: ModelVector, filters: SearchFilters, limit: number): Promise<Candidate[]>;
  /**
   * Compares with the vectors of the same model that the server made. Best first. Raises `StoreBusy` where the scan does not get its turn
   * in time.
   */
  searchMadeVectors(
    tier: Tier,
    vector: ModelVector,
    filters: SearchFilters,
    limit: number,
    turn?: ScanTurn,
  ): Promise<Candidate[]>;
  searchWords(
    tier: Tier,
    terms: readonly string[],
    filters: SearchFilters,
    limit: number,
  ): Promise<Candidate[]>;
  /**
   * The newest that hold all of the terms, from behind `after` on. Of a cold tier also what holds them within longer words, and rows that
   * have been replaced.
   */
  listMatches(
    tier: Tier,
    terms: readonly string[],
    filters: SearchFilters,
    page: { after?: MatchStart | undefined; limit: number },
  ): Promise<Match[]>;
  fetch(keys: readonly MemoryKey[], tiers: readonly Tier[]): Promise<StoredMemory[]>;
  /**
   * A page of a system's memories in order of kind and memory id, each as it is when the page is read. Raises `VerifyFailed` where a row
   * is not where it should be: a page never leaves one out.
   */
  listMemories(systemId: SystemId, page: PageRequest): Promise<MemoryPage>;
  /** Where a memory is and why, as of an instant (milliseconds since 1970) by which its age counts; undefined where there is none. */
  explainMemory(key: MemoryKey, asOf: number): Promise<MemoryExplanation | undefined>;

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
