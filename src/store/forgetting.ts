import type { ForgetCounts, ForgetScope, Tier } from '../contract/index.js';
import type { ForgetReceipt, Tombstone } from '../memory/index.js';
import type { Operation, WrittenObject } from './store.js';

/** A tombstone as the store has it. */
export interface StandingTombstone extends Tombstone {
  scopeId: string;
  /** `standing`: what it is of is being erased. `erased`: it is gone everywhere, and is kept from coming back. */
  state: 'standing' | 'erased';
}

/** A forget on record. */
export interface ForgetRecord extends Tombstone {
  scopeId: string;
  counts: ForgetCounts;
  /** Null until it is through. */
  receipt: ForgetReceipt | null;
  /** Milliseconds since 1970; null while it stands. */
  liftedAt: number | null;
  /** When its tombstone stood in this store, by the system's clock: what was taken in later was without what is forgotten. */
  begunAt: number;
}

/** What a forget would take, as far as the catalog can tell. */
export interface ForgetPreview {
  memories: Record<Tier, number>;
  systems: number;
  /** Journal and cold objects that have to be looked through. */
  objects: number;
  /** Uploads of which the raw files stand. */
  uploads: number;
}

/** Some objects are written anew as one, without some of their rows; the keepers of those that remain move to it. */
export interface RewriteRequest {
  kind: 'erase' | 'compact';
  systemId: string;
  /** Of one kind: journal objects, or cold ones. */
  sources: readonly string[];
}

export interface RewriteOperation extends Operation {
  readonly objectKind: 'journal' | 'cold';
  /**
   * Moves object and keeper of every placement that a source keeps to the new object, and returns how many those are. The caller has
   * made sure that it holds their rows. Deletes nothing.
   */
  commit(
    object: WrittenObject,
    rows: number,
    compacted?: { month: string; transitionId: string | undefined },
  ): Promise<number>;
}

/** What finds and erases the rows of a scope. Close it. */
export interface Erasure {
  /** Of hot and warm: no table, no log and no file of them that was set aside has any of them afterwards. Returns how many there were. */
  eraseRows(): Promise<number>;
  /** How many of the rows in the local copy of a journal or cold object are of the scope, and how many are not. */
  countRows(file: string): Promise<{ inScope: number; others: number }>;
  /** Writes the rows of such a file that are not of the scope to another one. */
  exportOthers(file: string, to: string, kind: 'journal' | 'cold'): Promise<void>;
  /** Raises `VerifyFailed` unless a file has exactly the rows that `exportOthers` writes of `source`. */
  verifyOthers(source: string, file: string): Promise<void>;
  /** Rows, placements and words of the scope that stand all the same. */
  remains(): Promise<{ placements: number; rows: number; words: number }>;
  close(): void;
}

/** What the store does to forget; in which order, and what is durable when, is the protocol: see docs/reference/protocol.md. */
export interface ForgetStore {
  previewForget(scope: ForgetScope): Promise<ForgetPreview>;
  /**
   * Step 2: from here on nothing of the scope is found, placed or moved. Aborts what is under way in it, and waits for its writes. Any
   * number of times.
   */
  beginForget(tombstone: Tombstone): Promise<void>;
  openErasure(scope: ForgetScope, signal?: AbortSignal): Promise<Erasure>;
  /** Undefined where one of the sources is not on record. */
  openRewrite(request: RewriteRequest, signal?: AbortSignal): Promise<RewriteOperation | undefined>;
  /**
   * Removes what files still have of what is gone, in places that nothing names: words in pages of the text index, vectors in the files of
   * indexes, cold objects in the cache, blocks of a tier's file that came free. Once searches and downloads of before the tombstone have ended.
   */
  eraseDerived(signal?: AbortSignal): Promise<void>;
  /** Whether a placement names the object as the one that keeps it. */
  isKeeper(name: string): Promise<boolean>;
  addForgetCounts(tombstone: Tombstone, counts: Partial<Omit<ForgetCounts, 'memories'>>): Promise<void>;
  /** Of a scope, the last one; undefined where there is none. */
  getForget(scopeId: string): Promise<ForgetRecord | undefined>;
  /** Those asked for last first. */
  listForgets(limit: number): Promise<ForgetRecord[]>;
  tombstones(): Promise<StandingTombstone[]>;
  /** Step 6: the receipt stands. */
  finishForget(receipt: ForgetReceipt): Promise<void>;
  /** Removes the tombstone. Returns whether there was one. */
  liftForget(scopeId: string): Promise<boolean>;
  /** For a rebuild: what stands is this, and nothing else. One with a receipt is erased. */
  loadTombstones(standing: readonly (Tombstone & { receipt: ForgetReceipt | null })[]): Promise<void>;
}
