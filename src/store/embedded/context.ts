import type { ObjectStore } from '../../objects/index.js';
import { cutoff } from '../../memory/index.js';
import type { TierPolicy } from '../store.js';
import type { Catalog } from './catalog/catalog.js';
import type { WordCandidate } from './catalog/word-search.js';
import type { ColdCache } from './cold-cache.js';
import { InsertQueue } from './insert-queue.js';
import { JoinedCalls } from './joined-calls.js';
import { OperationLatch } from './latch.js';
import { ScanTurns } from './scan-turns.js';
import type { TextCache } from './text-cache.js';
import type { TierDatabase } from './tiers/tier-database.js';

/** SHA-256 of a file, taken off the main thread. */
export type HashFile = (
  path: string,
  options?: { signal: AbortSignal },
) => Promise<{ bytes: number; sha256: string }>;

const DAY_MS = 86_400_000;

/** What the parts of the embedded engine share. */
export class EngineContext {
  readonly latch = new OperationLatch();
  /** Operations that have ended, and that the catalog still has as open, because it could not be written just then. */
  readonly leftOpen = new Set<number>();
  readonly scans = new ScanTurns();
  readonly wordSearches = new JoinedCalls<WordCandidate[]>();
  readonly inserts: InsertQueue;
  #stages = 0;

  constructor(
    readonly catalog: Catalog,
    readonly tiers: TierDatabase,
    readonly cold: ColdCache,
    readonly texts: TextCache,
    readonly archive: ObjectStore,
    readonly policy: TierPolicy,
    readonly hashFile: HashFile,
    readonly leaseMs: number,
    /** The system's clock, never the fixed one: leases and grace are about real time. */
    readonly now: () => number,
  ) {
    this.inserts = new InsertQueue(tiers);
  }

  /** Names an attempt's staged rows in the catalog. */
  nextStage(): number {
    return ++this.#stages;
  }

  lease(): { now: number; leaseUntil: number } {
    const now = this.now();
    return { now, leaseUntil: now + this.leaseMs };
  }

  /** Own times at or before it are older than memories are kept; null where they are kept for ever. */
  keptSince(asOf: number): number | null {
    const days = this.policy.retentionDays ?? 0;
    return days === 0 ? null : asOf - days * DAY_MS;
  }

  hotCutoff(asOf: number): number {
    return cutoff('hot', asOf, this.policy);
  }

  warmCutoff(asOf: number): number {
    return cutoff('warm', asOf, this.policy);
  }
}
