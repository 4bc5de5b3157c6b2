import type { HeldRows, MemoryKey, Tier, UploadState } from '../contract/index.js';
import type { Pin } from './pins.js';

/** An object that a placement names. */
export interface NamedObject {
  name: string;
  kind: 'journal' | 'cold';
  bytes: number;
}

/** A version of a memory, as the catalog has it. Times in milliseconds since 1970. */
export interface PlacedVersion {
  rowId: number;
  hash: string;
  /** Of the upload that said it last, where that counts. */
  order: number;
  uploadId: string;
  uploadState: UploadState;
  ingestedAt: number | null;
  /** This version says that the memory is deleted. */
  deleted: boolean;
}

/** What became of a memory's rows in the last days, by the system's clock. */
export interface MemoryEvent {
  at: number;
  what: 'placed' | 'moved' | 'removed';
  rowId: number;
}

/** What keeps a memory from its next move; `until` is null where no time ends it by itself. */
export interface MoveObstacle {
  what: 'age' | 'pin' | 'fault' | 'receipt' | 'company' | 'batch';
  until: number | null;
  /** In words. */
  detail: string;
}

/** A memory's next move, if it is to get any colder. */
export interface NextMove {
  to: Tier;
  /** When its age is enough. */
  due: number;
  /** What it waits for; empty where the next transition moves it. */
  waitsFor: MoveObstacle[];
}

/** Everything about where a memory is. Times in milliseconds since 1970. */
export interface MemoryExplanation extends MemoryKey {
  tier: Tier;
  ownTime: number;
  project: string | null;
  version: PlacedVersion;
  /** Where its row is read from: the cold object, or the table of a period. */
  object: NamedObject | null;
  table: string | null;
  /** The object that keeps the row whatever becomes of this disk. */
  keeper: NamedObject;
  pins: Pin[];
  /** Why it was not moved when it was to be; null where nothing failed lately. */
  lastError: { reason: HeldRows['reason'] | null; retriedAt: number } | null;
  /** The operation that is moving it now. */
  moving: { opId: number; leaseUntil: number } | null;
  history: MemoryEvent[];
  /** In words. */
  why: string;
  /** Null where it stays for good. */
  next: NextMove | null;
}
