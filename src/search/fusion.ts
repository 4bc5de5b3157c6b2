/** The constant of reciprocal rank fusion: so many ranks must be gained at the top to outweigh a second list. */
const K = 60;

export interface RankedList<Name extends string> {
  name: Name;
  /** Best first, each once. */
  keys: readonly string[];
  /** What its place in this list is worth, from 0 to 1; by default 1 for every key. */
  weight?: (key: string) => number;
}

export interface Fused<Name extends string> {
  key: string;
  /** The sum over the lists of weight / (60 + rank). */
  score: number;
  /** The lists that hold it. */
  matched: Name[];
}

/**
 * Reciprocal rank fusion of several rankings of the same things (Cormack, Clarke and Büttcher, 2009), with weights: it needs
 * no scores that can be compared. Ties go by newer own time, then by key, so that the same lists always give the same order.
 */
export function fuse<Name extends string>(
  lists: readonly RankedList<Name>[],
  ownTime: (key: string) => number,
): Fused<Name>[] {
  const fused = new Map<string, Fused<Name>>();
  for (const { name, keys, weight = everyOne } of lists) {
    keys.forEach((key, place) => {
      const entry = fused.get(key) ?? { key, score: 0, matched: [] };
      entry.score += weight(key) / (K + place + 1);
      entry.matched.push(name);
      fused.set(key, entry);
    });
  }
  return [...fused.values()].sort((a, b) => b.score - a.score || newerFirst(ownTime)(a.key, b.key));
}

const everyOne = (): number => 1;

/** Orders keys by newer own time, then by the key itself. */
export function newerFirst(ownTime: (key: string) => number): (a: string, b: string) => number {
  return (a, b) => ownTime(b) - ownTime(a) || (a < b ? -1 : a > b ? 1 : 0);
}
