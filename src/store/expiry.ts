import type { Expiry, ExpiryReceipt } from '../memory/index.js';

/** What the ledger knows of the time, beside the system's clock. Milliseconds since 1970. */
export interface KnownTimes {
  /** The latest that a manifest of an upload tells, by its host's clock; null where there is no upload. */
  newestUpload: number | null;
  /** By the machine's clock, as far as it was followed: the last look for memories to expire; null where there was none. */
  lastLook: number | null;
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
  /** Notes a look; never takes its time back. */
  noteLook(time: number): Promise<void>;
  /** What an expiry as of this time is, in which no id is used yet; undefined where memories are kept for ever. It does nothing so far. */
  decideExpiry(time: number, by: string): Promise<Expiry | undefined>;
  /** From here on nothing of it is taken in any more; one that has ended is noted. Said again it changes nothing. */
  beginExpiry(receipt: ExpiryReceipt): Promise<void>;
  /** One transaction: the next memories of it are gone. Returns how many rows that are, 0 where there are none. Counts them in a transition's report. */
  expireBatch(expiryId: string, limit: number, transitionId?: string): Promise<number>;
  /** How many memories of it are gone, by system. */
  expiredMemories(expiryId: string): Promise<ExpiryReceipt['memories']>;
  /** Nothing of it is there any more, and its receipt stands. */
  endExpiry(expiryId: string, endedAt: number): Promise<void>;
  /** Of all that were begun. */
  expiryIds(): Promise<string[]>;
  /** Those that were begun and not ended, the oldest first. */
  openExpiries(): Promise<Expiry[]>;
  /** For a rebuild: those of object storage, in place of all that are known. */
  loadExpiries(receipts: readonly ExpiryReceipt[]): Promise<void>;
}
