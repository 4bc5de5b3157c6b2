import { keyText, type Tier } from '../contract/index.js';
import type { Candidate, FoundKey, ModelVector, SearchFilters } from '../store/index.js';
import type { OwnLimit } from './budget.js';

/**
 * Shares of a search's time by which each phase must be over, so that one that hangs leaves the next its time: the query's
 * vector, the candidates of every tier, their rows by one call, their rows tier by tier.
 */
export const SHARES = { embedding: 0.5, candidates: 0.75, fetch: 0.9, fetchByTier: 1 } as const;

/** What one tier came up with. */
export interface TierCandidates {
  tier: Tier;
  /** Best first. */
  vectors: readonly Candidate[];
  words: readonly Candidate[];
  /** Whether one of its searches has as many as were asked for, so that there may be more. */
  full: boolean;
  /** Of the slowest of its searches. */
  ms: number;
  /** Why a search of this tier did not answer. */
  faults: string[];
}

export interface CandidateQuery {
  terms: readonly string[];
  /** Settles when the query's vector is there, or undefined where there is none to be had. */
  vector: Promise<ModelVector | undefined>;
  filters: SearchFilters;
  limit: number;
}

/** How long each tier may take to come up with candidates, in milliseconds; one that is left out as long as the search. */
export type TierTimes = Partial<Record<Tier, number>>;

export function limitOf(tier: Tier, times: TierTimes): OwnLimit | undefined {
  const ms = times[tier];
  if (ms === undefined) return undefined;
  return { ms, name: `the ${tier} tier`, setting: `AKOSHA_SEARCH_${tier.toUpperCase()}_SECONDS` };
}

/** Their scores can be compared: cosines that are exact or nearly so, and words by one index. Cold's are estimates. */
const COMPARABLE: readonly Tier[] = ['hot', 'warm'];

/**
 * What the best of hot and warm together are, at most `limit` by vector and as many by words: what one of them has beyond that is not among
 * the first of both, and to read its row costs as much as that of any other.
 */
export function bestTogether(tiers: readonly TierCandidates[], limit: number): TierCandidates[] {
  const together = tiers.filter(({ tier }) => COMPARABLE.includes(tier));
  if (together.length < 2) return [...tiers];
  const vectors = leastOfBest(
    together.flatMap((tier) => tier.vectors),
    limit,
  );
  const words = leastOfBest(
    together.flatMap((tier) => tier.words),
    limit,
  );
  return tiers.map((tier) => {
    if (!COMPARABLE.includes(tier.tier)) return tier;
    const best = {
      vectors: tier.vectors.filter(({ score }) => score >= vectors),
      words: tier.words.filter(({ score }) => score >= words),
    };
    const isCut = best.vectors.length < tier.vectors.length || best.words.length < tier.words.length;
    return { ...tier, ...best, full: tier.full || isCut };
  });
}

/** The score of the last of the best; ties with it are among them. */
function leastOfBest(candidates: readonly Candidate[], limit: number): number {
  return candidates.map(({ score }) => score).sort((a, b) => b - a)[limit - 1] ?? -Infinity;
}

/** Every key once, in the order of first appearance. */
export function distinctKeys(tiers: readonly Pick<TierCandidates, 'vectors' | 'words'>[]): FoundKey[] {
  const keys = new Map<string, FoundKey>();
  for (const { vectors, words } of tiers) {
    for (const candidate of [...vectors, ...words]) {
      const { systemId, kind, memoryId, placeId } = candidate;
      const known =
        placeId === undefined ? keys.get(keyText(candidate)) : { systemId, kind, memoryId, placeId };
      keys.set(keyText(candidate), known ?? { systemId, kind, memoryId });
    }
  }
  return [...keys.values()];
}
