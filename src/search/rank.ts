import { keyText } from '../contract/index.js';
import type { StoredMemory } from '../store/index.js';
import type { TierCandidates } from './candidates.js';
import { fuse, newerFirst, type Fused, type RankedList } from './fusion.js';
import { scoreWords } from './word-score.js';

export type Match = 'vector' | 'words';

/**
 * One ranking of all tiers' candidates: by vector and by words, each over all tiers at once, fused. A ranking of each tier
 * by itself would not do: the best of a tier with eleven rows would stand level with the best of a million.
 */
export async function rankCandidates(
  tiers: readonly TierCandidates[],
  rows: ReadonlyMap<string, StoredMemory>,
  terms: readonly string[],
): Promise<Fused<Match>[]> {
  const ownTime = (key: string): number => rows.get(key)?.ownTime ?? 0;
  const lists: RankedList<Match>[] = [
    { name: 'vector', keys: byVector(tiers, rows, ownTime) },
    { name: 'words', ...(await byWords(tiers, rows, terms, ownTime)) },
  ];
  return fuse(lists, ownTime);
}

/**
 * Cosines are merged as they are. Hot's are exact and warm's, from int8, differ in the third digit. Cold's are estimated
 * from signs, with a standard error of about 0.07: they blur the order among near equals, and still put a cold row where it
 * roughly belongs, which its rank within the tier would not.
 */
function byVector(
  tiers: readonly TierCandidates[],
  rows: ReadonlyMap<string, StoredMemory>,
  ownTime: (key: string) => number,
): string[] {
  const scores = new Map<string, number>();
  for (const candidate of tiers.flatMap(({ vectors }) => vectors)) {
    const key = keyText(candidate);
    // A row that is moving can be a candidate of two tiers.
    if (rows.has(key)) scores.set(key, Math.max(scores.get(key) ?? -Infinity, candidate.score));
  }
  return bestFirst(scores, ownTime);
}

/**
 * Words are scored anew, over the texts of all candidates, also of those that their vectors brought. A candidate whose match
 * that does not see (the tiers fold letters differently) comes last.
 *
 * A place is worth the share of the query's words that the text holds. A question in other words than its answer shares a few
 * common ones with many texts, and at full worth those would push out what its vector found; bench/README.md has the figures.
 */
async function byWords(
  tiers: readonly TierCandidates[],
  rows: ReadonlyMap<string, StoredMemory>,
  terms: readonly string[],
  ownTime: (key: string) => number,
): Promise<Pick<RankedList<Match>, 'keys' | 'weight'>> {
  const candidates = new Set(tiers.flatMap(({ words }) => words.map(keyText)));
  const found = [...rows];
  const scored = await scoreWords(
    terms,
    found.map(([, row]) => row.content),
  );
  const scores = new Map<string, number>();
  const worth = new Map<string, number>();
  found.forEach(([key], i) => {
    const { score, coverage } = scored[i] ?? { score: 0, coverage: 0 };
    if (score > 0 || candidates.has(key)) scores.set(key, score);
    worth.set(key, coverage);
  });
  return { keys: bestFirst(scores, ownTime), weight: (key) => worth.get(key) ?? 0 };
}

function bestFirst(scores: ReadonlyMap<string, number>, ownTime: (key: string) => number): string[] {
  const byTime = newerFirst(ownTime);
  return [...scores].sort(([a, x], [b, y]) => y - x || byTime(a, b)).map(([key]) => key);
}
