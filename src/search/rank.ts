import { keyText } from '../contract/index.js';
import type { StoredMemory } from '../store/index.js';
import type { TierCandidates } from './candidates.js';
import { fuse, newerFirst, type RankedList, type Share } from './fusion.js';
import { recencyFactor, type Recency } from './recency.js';
import { scoreWords, type WordScore } from './word-score.js';

export type Match = 'vector' | 'words';

export interface Ranked {
  key: string;
  /** Of the fusion, with the recency prior. */
  score: number;
  matched: Match[];
  /** By vector: the cosine, in cold as its signs estimate it. */
  vector: (Share & { score: number }) | null;
  /** By words: BM25 over the candidates; its weight goes by the share of the query's words that the text holds. */
  words: (Share & { score: number }) | null;
  /** What the sum of both was multiplied by. */
  recency: number;
}

export interface RankRules {
  terms: readonly string[];
  recency: Recency;
  /** By the setting's clock, milliseconds since 1970. */
  now: number;
  /** Cosines that are better than the candidates' own. */
  rescored: ReadonlyMap<string, number>;
}

/**
 * One ranking of all tiers' candidates: by vector and by words, each over all tiers at once, fused. A ranking of each tier
 * by itself would not do: the best of a tier with eleven rows would stand level with the best of a million.
 */
export async function rankCandidates(
  tiers: readonly TierCandidates[],
  rows: ReadonlyMap<string, StoredMemory>,
  { terms, recency, now, rescored }: RankRules,
): Promise<Ranked[]> {
  const ownTime = (key: string): number => rows.get(key)?.ownTime ?? 0;
  const prior = (key: string): number => recencyFactor(recency, ownTime(key), now);
  const cosines = vectorScores(tiers, rows, rescored);
  const words = await wordScores(tiers, rows, terms);
  const lists: RankedList<Match>[] = [
    { name: 'vector', keys: bestFirst(cosines, ownTime) },
    { name: 'words', keys: bestFirst(words.scores, ownTime), weight: words.weight },
  ];
  return fuse(lists, { ownTime, prior }).map(({ key, score, shares }) => ({
    key,
    score,
    matched: (['vector', 'words'] as const).filter((name) => shares[name] !== undefined),
    vector: withScore(shares.vector, cosines.get(key)),
    words: withScore(shares.words, words.scores.get(key)),
    recency: prior(key),
  }));
}

/** Of 1.25 to 1.6 the sample's questions are found alike; at 1 their common words count too much, at 2 hardly any do. */
const STEEPNESS = 1.5;

function withScore(share: Share | undefined, score: number | undefined): Ranked['vector'] {
  return share === undefined ? null : { ...share, score: score ?? 0 };
}

/**
 * Cosines are merged as they are. Hot's are exact and warm's, from int8, differ in the third digit. Cold's are estimated
 * from signs, with a standard error of about 0.07, but for the nearest, which are taken from their texts: they blur the order among near
 * equals, and still put a cold row where it roughly belongs, which its rank within the tier would not.
 */
function vectorScores(
  tiers: readonly TierCandidates[],
  rows: ReadonlyMap<string, StoredMemory>,
  rescored: ReadonlyMap<string, number>,
): Map<string, number> {
  const scores = new Map<string, number>();
  for (const candidate of tiers.flatMap(({ vectors }) => vectors)) {
    const key = keyText(candidate);
    // A row that is moving can be a candidate of two tiers.
    if (rows.has(key))
      scores.set(key, Math.max(scores.get(key) ?? -Infinity, rescored.get(key) ?? candidate.score));
  }
  return scores;
}

/**
 * Words are scored anew, over the texts of all candidates, also of those that their vectors brought. A candidate whose match
 * that does not see (the tiers fold letters differently) comes last.
 *
 * A place is worth the share of the query's words that the text holds, and less than that where it is small. A question in other words than its answer shares a few
 * common ones with many texts, and at full worth those would push out what its vector found; docs/reference/performance.md has the figures.
 */
async function wordScores(
  tiers: readonly TierCandidates[],
  rows: ReadonlyMap<string, StoredMemory>,
  terms: readonly string[],
): Promise<{ scores: Map<string, number>; weight: (key: string) => number }> {
  const candidates = new Set(tiers.flatMap(({ words }) => words.map(keyText)));
  const found = [...rows];
  const scored = await scoreWords(
    terms,
    found.map(([, row]) => row.content),
  );
  const scores = new Map<string, number>();
  const worth = new Map<string, number>();
  found.forEach(([key], i) => {
    const { score, coverage }: WordScore = scored[i] ?? { score: 0, coverage: 0 };
    if (score > 0 || candidates.has(key)) scores.set(key, score);
    worth.set(key, coverage);
  });
  return { scores, weight: (key) => (worth.get(key) ?? 0) ** STEEPNESS };
}

function bestFirst(scores: ReadonlyMap<string, number>, ownTime: (key: string) => number): string[] {
  const byTime = newerFirst(ownTime);
  return [...scores].sort(([a, x], [b, y]) => y - x || byTime(a, b)).map(([key]) => key);
}
