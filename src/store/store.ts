import type { Kind, MemoryKey, Selection, SystemId, Tier, UploadRef } from '../contract/index.js';
import type { TierAges } from '../memory/index.js';
import type {
  Candidate,
  FoundKey,
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
import type {
  ColdOperation,
  ColdPartitionDue,
  IngestBatch,
  IngestOperation,
  KnownList,
  ListBounds,
  MoveOperation,
} from './operations.js';
import type { BackupStore } from './backup.js';
import type { PlacedStore } from './placed.js';
import type { RepairStore } from './repair.js';
import type { ExpiryLedger } from './expiry.js';
import type { RetentionLedger } from './retention.js';
import type { ScrubStore } from './scrub.js';
import type { UploadLedger } from './uploads.js';
import type { ModelVector, VectorStore } from './vectors.js';

export type * from './compaction.js';
export type * from './expiry.js';
export type * from './explain.js';
export type * from './forgetting.js';
export type * from './memories.js';
export type * from './operations.js';
export type * from './repair.js';
export type * from './pins.js';
export type * from './placed.js';
export type * from './retention.js';
export type * from './scrub.js';
export type * from './selection.js';
export type * from './transitions.js';
export type * from './uploads.js';
export type * from './vectors.js';

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
  /** Moving was paused before it was through. */
  paused?: true;
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
    RepairStore,
    RetentionLedger,
    ScrubStore,
    ExpiryLedger,
    PlacedStore {
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
  /** Whether somebody has searched within the last ten seconds: what can wait gives way to them then. */
  isSearched(): boolean;
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
   * have been replaced. Raises `StoreBusy` where the scan does not get its turn in time.
   */
  listMatches(
    tier: Tier,
    terms: readonly string[],
    filters: SearchFilters,
    page: { after?: MatchStart | undefined; limit: number },
    turn?: ScanTurn,
  ): Promise<Match[]>;
  /** A mark in the list of changes, for `tiersMovedInto`. */
  lastChange(): Promise<number>;
  /** Where memories that stood before have gone since then, as they were or as newer versions. */
  tiersMovedInto(since: number): Promise<Tier[]>;
  /** `onMissing` is told the tier of each memory that stands in the catalog, and whose row is not where it should be: it is left out. */
  fetch(
    keys: readonly FoundKey[],
    tiers: readonly Tier[],
    onMissing?: (tier: Tier) => void,
  ): Promise<StoredMemory[]>;
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
  /** Days that a memory is kept, by its own time; 0, or nothing: for ever. */
  retentionDays?: number;
}
