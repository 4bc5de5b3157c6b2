import type { Tier } from '../contract/index.js';

/** Ages at which a memory changes tier, in days of its own time. Pure, so that workflows may use it. */
export interface TierAges {
  hotDays: number;
  warmDays: number;
}

const DAY_MS = 86_400_000;

/**
 * Own times at or before this instant (milliseconds since 1970) are due to leave the tier; cold is never
 * left.
 */
export function cutoff(tier: 'hot' | 'warm', asOfMs: number, ages: TierAges): number {
  return asOfMs - (tier === 'hot' ? ages.hotDays : ages.warmDays) * DAY_MS;
}

/**
 * Where a memory belongs: hot younger than `hotDays`, warm younger than `warmDays`, else cold. At exactly
 * that age it has left.
 */
export function tierOf(ownTimeMs: number, asOfMs: number, ages: TierAges): Tier {
  if (ownTimeMs > cutoff('hot', asOfMs, ages)) return 'hot';
  return ownTimeMs > cutoff('warm', asOfMs, ages) ? 'warm' : 'cold';
}

/**
 * Where an ingest puts a new row: never cold, because cold objects are written in batches by the transition.
 */
export function ingestTier(ownTimeMs: number, asOfMs: number, ages: TierAges): 'hot' | 'warm' {
  return ownTimeMs > cutoff('hot', asOfMs, ages) ? 'hot' : 'warm';
}
