import type { RepairableTier } from '../contract/index.js';
import type { MoveOperation } from './store.js';

/** A tier whose file was lost, in part or whole, and is not yet as it should be. */
export interface TierDamage {
  tier: RepairableTier;
  /** Milliseconds since 1970. */
  since: number;
}

/** Behind which a look at a tier's memories goes on: they come in the order of what keeps them, so that each object is fetched once. */
export interface RepairCursor {
  keeper: number;
  pid: number;
}

export interface RepairRequest {
  tier: RepairableTier;
  after?: RepairCursor | undefined;
  /** Memories that are looked at. */
  limit: number;
}

/** A part of a tier's memories, looked at. */
export interface RepairPart {
  checked: number;
  /** Of these, the ones whose row is not where it should be; some may be in another's batch, or replaced since, and so not in the operation. */
  lost: number;
  /** Brings the others back; undefined where there are none. */
  operation: MoveOperation | undefined;
  /** Null behind the last. */
  next: RepairCursor | null;
}

/** What stands when a file of the store does not, and how it comes back. */
export interface RepairStore {
  /** What is out since when, as long as it was not repaired. */
  damaged(): readonly TierDamage[];
  /** Reads a tier's file from end to end; returns why that cannot be done. Takes seconds for each gigabyte. */
  findDamage(tier: RepairableTier): Promise<string | undefined>;
  /**
   * Takes a tier's file out of use, under another name, and begins a new one; the tier is damaged from then on. Returns the file's new
   * path. What is under way on the old one fails, and is tried again by whoever began it.
   */
  setAside(tier: RepairableTier, signal?: AbortSignal): Promise<string>;
  /**
   * Looks for rows that are not where their placements say; an operation on those writes them again, under new row ids, from the objects
   * that keep them. What is being moved meanwhile is left to the move. Raises `StoreDamaged`, as the operation does, where the tier's file shows
   * to be damaged after all.
   */
  openRepair(request: RepairRequest, signal?: AbortSignal): Promise<RepairPart>;
  /** Says that all that was lost of a tier is back. */
  endDamage(tier: RepairableTier): Promise<void>;
}
