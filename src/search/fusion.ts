/** The constant of reciprocal rank fusion: so many ranks must be gained at the top to outweigh a second list. */
const K = 60;

export interface RankedList<Name extends string> {
  name: Name;
  /** Best first, each once. */
  keys: readonly string[];
  /** What its place in this list is worth, from 0 to 1; by default 1 for every key. */
  weight?: (key: string) => number;
}

/** What one list gave to a key's score. */
export interface Share {
  /** From 1. */
  rank: number;
  weight: number;
  /** weight / (60 + rank). */
  part: number;
}

export interface Fused<Name extends string> {
  key: string;
  /** The sum of the lists' parts, times the prior. */
  score: number;
  /** Of the lists that hold it. */
  shares: Partial<Record<Name, Share>>;
}

export interface FusionRules {
  ownTime: (key: string) => number;
  /** What a key's sum is multiplied by; by default 1. */
  prior?: (key: string) => number;
}

/**
 * Reciprocal rank fusion of several rankings of the same things (Cormack, Clarke and Büttcher, 2009), with weights: it needs
 * no scores that can be compared. Ties go by newer own time, then by key, so that the same lists always give the same order.
 */
export function fuse<Name extends string>(
  lists: readonly RankedList<Name>[],
  { ownTime, prior = one }: FusionRules,
): Fused<Name>[] {
  const fused = new Map<string, Fused<Name>>();
  for (const { name, keys, weight = one } of lists) {
    keys.forEach((key, place) => {
      const rank = place + 1;
      const share = { rank, weight: weight(key), part: weight(key) / (K + rank) };
      const entry: Fused<Name> = fused.get(key) ?? { key, score: 0, shares: {} };
      entry.score += share.part;
      entry.shares[name] = share;
      fused.set(key, entry);
    });
  }
  for (const entry of fused.values()) entry.score *= prior(entry.key);
  return [...fused.values()].sort((a, b) => b.score - a.score || newerFirst(ownTime)(a.key, b.key));
}

const one = (): number => 1;

/** Orders keys by newer own time, then by the key itself. */
export function newerFirst(ownTime: (key: string) => number): (a: string, b: string) => number {
  return (a, b) => ownTime(b) - ownTime(a) || (a < b ? -1 : a > b ? 1 : 0);
}
