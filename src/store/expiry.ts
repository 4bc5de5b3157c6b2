import type { Expiry, ExpiryReceipt } from '../memory/index.js';

/** What the ledger knows of the time, beside the system's clock. Milliseconds since 1970. */
export interface KnownTimes {
  /** Of the newest upload: the earlier of when its host made it and when the server heard of it; null where there is no upload. */
  newestUpload: number | null;
  /** What the last daily look for memories to expire took for now; of a store that is new, when it was made. */
  lastLook: number | null;
}

export interface ExpiredBatch {
  rows: number;
  /**
   * `open`: more may follow; in the others no row went. `done`: nothing of it is there. `called_off`: what is left of it is kept by what the setting says
   * now. `held`: moving is paused, or a pin is in no backup.
   */
  state: 'open' | 'done' | 'called_off' | 'held';
}

/** Memories that would expire. */
export interface Expiring {
  /** Own times at or before it, milliseconds since 1970. */
  cutoff: number;
  memories: number;
}

/** Which memories are older than they are kept, and what became of those that were. */
export interface ExpiryLedger {
  /** Undefined where memories are kept for ever. */
  expiring(time: number): Promise<Expiring | undefined>;
  knownTimes(): Promise<KnownTimes>;
  /** Whether a rebuild would know of every pin: each stands in a backup. */
  arePinsSaved(): Promise<boolean>;
  /** What an expiry as of this time is, in which no id is used yet; undefined where memories are kept for ever. It does nothing so far. */
  decideExpiry(time: number, by: string): Promise<Expiry | undefined>;
  /** From here on nothing of it is taken in any more; one that has ended is noted. Said again it changes nothing. */
  beginExpiry(receipt: ExpiryReceipt): Promise<void>;
  /** One transaction: the next memories of it are gone. Counts them in a transition's report. */
  expireBatch(expiryId: string, limit: number, transitionId?: string): Promise<ExpiredBatch>;
  /** How many memories of it are gone, by system. */
  expiredMemories(expiryId: string): Promise<ExpiryReceipt['memories']>;
  /** Nothing more of it goes, and its receipt stands. */
  endExpiry(expiryId: string, endedAt: number): Promise<void>;
  /** Of all that were begun. */
  expiryIds(): Promise<string[]>;
  /** Those that were begun and not ended, the oldest first. */
  openExpiries(): Promise<Expiry[]>;
  /** For a rebuild: those of object storage, in place of all that are known. */
  loadExpiries(receipts: readonly ExpiryReceipt[]): Promise<void>;
}
