import type { Tier } from '../contract/index.js';
import { SHARES } from './candidates.js';
import type { Running } from './context.js';

/**
 * Looks into tiers, and again into those into which something moved meanwhile: the tiers have no snapshot in common, so that what moves from one
 * that is read late to one that was read early is in neither. Only what moves twice within a search would be missed.
 */
export async function lookTwiceWhereMoved<Found extends { tier: Tier }>(
  running: Running,
  tiers: readonly Tier[],
  look: (tiers: readonly Tier[]) => Promise<Found[]>,
  merge: (first: Found, again: Found) => Found,
): Promise<Found[]> {
  const { store } = running.context;
  const mark = await running.budget.attempt(SHARES.candidates, () => store.lastChange());
  const found = await look(tiers);
  // Without a mark anything may have moved.
  const late = mark.ok ? await movedSince(running, mark.value, tiers) : tiers;
  if (late.length === 0) return found;
  const again = new Map((await look(late)).map((one) => [one.tier, one]));
  return found.map((one) => {
    const more = again.get(one.tier);
    return more === undefined ? one : merge(one, more);
  });
}

/** In the time that rows have, so that a tier that was late does not make the others so. A catalog that says nothing has no rows either, which is told. */
async function movedSince(
  { context: { store }, budget }: Running,
  mark: number,
  tiers: readonly Tier[],
): Promise<Tier[]> {
  const moved = await budget.attempt(SHARES.fetch, () => store.tiersMovedInto(mark));
  return moved.ok ? tiers.filter((tier) => moved.value.includes(tier)) : [];
}
