import { Best } from '../best.js';
import type { Graph } from './graph.js';
import { TIER_COUNT, type IndexRows, type RowFilter } from './index-rows.js';
import { normalised } from './matrix.js';
import type { IndexQuery } from './messages.js';

/**
 * Fetched of the graph for each one wanted: its 8 bits put the ten best among the first twenty. At least twice as many of them pass as are
 * wanted, so that one of the two tiers has as many as a search of it alone would have.
 */
const WIDTH = 4;
const LEAST_PASSING = 2;
const LEAST_FETCHED = 100;

/** To fetch one of the graph, some 5 µs, costs about as much as to compare so many rows of the matrix in their order. */
const FETCH_COST = 30;

/** So few are compared one by one in any case, in 1.5 ms: a graph of few vectors in many directions leads to some of them from nowhere near. */
const FEW = 10_000;

/**
 * A query whose tenth is no nearer than this lies between the clusters of what is there, and the graph's ways lead past some that are as near: of its ten best
 * 92 in 100 are fetched, where all are of a query within a cluster (docs/reference/performance.md). So it is fetched once more, wider.
 */
const NEAR = 0.4;
const TENTH = 9;

export interface FoundPlace {
  pid: number;
  /** The cosine. */
  score: number;
}

/** What an index is made of, for a search. */
interface Searched {
  rows: IndexRows;
  graph: Graph;
  /** Slots that the graph does not hold yet: they are compared in any case. */
  waiting: ReadonlySet<number>;
}

/**
 * The best by cosine, best first, at most the limit of each tier. Where few rows pass the filters, each of them is compared: that is exact, and cheaper than to fetch from the graph until
 * enough of them have come. `pidsOf` tells the placements that have a tag.
 */
export function searchIndex(
  index: Searched,
  { vector, filters, limit }: IndexQuery,
  pidsOf: (tag: string) => readonly number[],
): FoundPlace[] {
  const { rows } = index;
  const filter = rows.compile(filters, pidsOf);
  const query = normalised(vector);
  if (filter === undefined || query === undefined || rows.count === 0) return [];
  const passing = filter.all ? undefined : passingSlots(rows, filter);
  const cosine = rows.matrix.cosineWith(query);
  const slots =
    fetchSlots(index, { vector: query, cosine, limit }, filter, passing?.length ?? rows.count) ??
    passing ??
    rows.usedSlots();
  const tiers = Array.from({ length: TIER_COUNT }, () => new Best(limit));
  for (const slot of slots) tiers[rows.columns.tier[slot] ?? 0]?.offer(slot, cosine(slot));
  const best = tiers.flatMap((tier) => tier.items()).sort((a, b) => b.score - a.score || a.item - b.item);
  return best.map(({ item, score }) => ({ pid: rows.columns.pid[item] ?? 0, score }));
}

function passingSlots(rows: IndexRows, filter: RowFilter): number[] {
  const passing: number[] = [];
  for (let slot = 0; slot < rows.slots; slot++) if (rows.passes(slot, filter)) passing.push(slot);
  return passing;
}

/** Undefined where to compare all that pass is cheaper. */
function fetchSlots(
  { rows, graph, waiting }: Searched,
  { vector, cosine, limit }: { vector: Float32Array; cosine: (slot: number) => number; limit: number },
  filter: RowFilter,
  passing: number,
): number[] | undefined {
  if (passing <= FEW) return undefined;
  const enough = limit * LEAST_PASSING;
  const first = Math.ceil((Math.max(LEAST_FETCHED, limit * WIDTH) * rows.count) / passing);
  // What passes need not lie evenly around the query: where too little of the first lot did, another is fetched, wider.
  for (let count = first; count * FETCH_COST < passing; count *= WIDTH) {
    const found = graph.search(vector, count).filter((slot) => rows.passes(slot, filter));
    if (found.length < enough || (count === first && !isNear(found[TENTH], cosine))) continue;
    for (const slot of waiting) if (rows.passes(slot, filter)) found.push(slot);
    return found;
  }
  return undefined;
}

function isNear(slot: number | undefined, cosine: (slot: number) => number): boolean {
  return slot !== undefined && cosine(slot) >= NEAR;
}
