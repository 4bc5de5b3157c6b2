import { keyText } from '../../contract/index.js';
import type { Candidate, SearchFilters } from '../store.js';
import type { EngineContext } from './context.js';

/** Each round asks for so many times as many as the one before. */
const WIDER = 4;

/** Beyond so many, what is known by then is so small a part that those found are all that is answered. */
const WIDEST = 100_000;

/**
 * The best of a search that does not know when memories came, which the catalog alone does. Where newer ones stand before them, as
 * after a large upload, more are asked for until there are enough.
 */
export async function onlyKnown(
  context: EngineContext,
  { knownBy }: SearchFilters,
  limit: number,
  find: (limit: number) => Promise<Candidate[]>,
): Promise<Candidate[]> {
  if (knownBy === undefined) return find(limit);
  for (let asked = limit * WIDER; ; asked *= WIDER) {
    const found = await find(asked);
    const placed = await context.catalog.read.placements(found);
    const known = new Set(placed.filter(({ knownSince }) => knownSince <= knownBy).map(keyText));
    const kept = found.filter((candidate) => known.has(keyText(candidate)));
    if (kept.length >= limit || found.length < asked || asked >= WIDEST) return kept.slice(0, limit);
  }
}
