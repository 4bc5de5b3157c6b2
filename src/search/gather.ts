import { keyText, type Tier } from '../contract/index.js';
import type { Candidate, MemoryStore } from '../store/index.js';
import type { Attempt, Budget, OwnLimit } from './budget.js';
import { limitOf, SHARES, type CandidateQuery, type TierCandidates, type TierTimes } from './candidates.js';
import type { Running } from './context.js';
import { lookTwiceWhereMoved } from './moved.js';

/**
 * Of the time that a scan of vectors has, the part in which it must get its turn. The rest is for the scan: where more is asked than can be
 * scanned, those that begin still end in time, instead of all of them just too late.
 */
const WAIT_SHARE = 0.5;

/** What all tiers come up with, also of what moves from one to another meanwhile. */
export async function gatherAll(running: Running, query: CandidateQuery): Promise<TierCandidates[]> {
  const { context, budget } = running;
  const { tiers } = query.filters;
  const times = context.tierTimes ?? {};
  const gather = (some: readonly Tier[]): Promise<TierCandidates[]> =>
    Promise.all(some.map((tier) => gatherTier(context.store, tier, query, { budget, times })));
  // Hot and warm are in one text index and in one vector index: one look at each sees what moves between them in one of the two. While that of
  // vectors is not there, the tiers are scanned apart, and what has no word of the query may be missed as it moves.
  if (tiers.length === 1 || !tiers.includes('cold')) return gather(tiers);
  return lookTwiceWhereMoved(running, tiers, gather, (first, again) => together(first, again, query.limit));
}

function together(first: TierCandidates, again: TierCandidates, limit: number): TierCandidates {
  return {
    tier: first.tier,
    vectors: bestOf([...first.vectors, ...again.vectors], limit),
    words: bestOf([...first.words, ...again.words], limit),
    full: first.full || again.full,
    ms: first.ms + again.ms,
    faults: [...first.faults, ...again.faults],
  };
}

/** Each once. */
function bestOf(candidates: readonly Candidate[], limit: number): Candidate[] {
  const best = candidates.toSorted((a, b) => b.score - a.score);
  return [...new Map(best.toReversed().map((one) => [keyText(one), one])).values()]
    .sort((a, b) => b.score - a.score)
    .slice(0, limit);
}

/**
 * All searches of one tier at once: words need not wait for the query's vector, and the hosts' own vectors count also where the scan of
 * those that the server made gets no turn or is late.
 */
async function gatherTier(
  store: MemoryStore,
  tier: Tier,
  query: CandidateQuery,
  { budget, times }: { budget: Budget; times: TierTimes },
): Promise<TierCandidates> {
  const { terms, filters, limit } = query;
  const ownLimit = limitOf(tier, times);
  const byWords = budget.attempt(
    SHARES.candidates,
    () => (terms.length === 0 ? Promise.resolve([]) : store.searchWords(tier, terms, filters, limit)),
    ownLimit,
  );
  const [words, { own, made }] = await Promise.all([
    byWords,
    searchByVector(store, tier, query, { budget, ownLimit }),
  ]);
  return {
    tier,
    full: [words, own, made].some((attempt) => found(attempt).length >= limit),
    words: found(words),
    vectors: [...found(own), ...found(made)].sort((a, b) => b.score - a.score).slice(0, limit),
    ms: Math.max(words.ms, own?.ms ?? 0, made?.ms ?? 0),
    faults: [...fault('words', words), ...fault('vectors', own), ...fault('made vectors', made)],
  };
}

interface VectorAttempts {
  /** Of the hosts' own vectors. */
  own?: Attempt<Candidate[]>;
  /** Of those that the server made. */
  made?: Attempt<Candidate[]>;
}

async function searchByVector(
  store: MemoryStore,
  tier: Tier,
  { vector, filters, limit }: CandidateQuery,
  { budget, ownLimit }: { budget: Budget; ownLimit: OwnLimit | undefined },
): Promise<VectorAttempts> {
  const found = await vector;
  if (found === undefined) return {};
  const [own, made] = await Promise.all([
    budget.attempt(SHARES.candidates, () => store.searchVectors(tier, found, filters, limit), ownLimit),
    budget.attempt(
      SHARES.candidates,
      (signal, leftMs) =>
        store.searchMadeVectors(tier, found, filters, limit, { waitMs: leftMs * WAIT_SHARE, signal }),
      ownLimit,
    ),
  ]);
  return { own, made };
}

/** Nothing, where it was not tried. */
function found(attempt: Attempt<Candidate[]> | undefined): Candidate[] {
  return attempt?.ok === true ? attempt.value : [];
}

function fault(what: string, attempt: Attempt<unknown> | undefined): string[] {
  return attempt === undefined || attempt.ok ? [] : [`${what}: ${attempt.reason}`];
}
