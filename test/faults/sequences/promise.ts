import { isAkoshaError } from '../../../src/contract/index.js';
import type { FaultWorld } from './fault-world.js';
import { faultsOf, type Places } from './model.js';

export const SORTS = ['relevance', 'time'] as const;
export type Sort = (typeof SORTS)[number];

/** After so many attempts that do not come to a point it is taken for one that is never reached. */
export const MOST_ATTEMPTS = 6;

/** A search of whatever there is. What it finds is what the model says, but for tiers of which it says that they are missing. */
export async function checkSearch(
  world: FaultWorld,
  { when, sort, placesBefore = [] }: { when: string; sort: Sort; placesBefore?: Places },
): Promise<void> {
  if (!world.isServing) return;
  const view = world.model.view();
  const answer = await world.search(sort);
  const places = answer.partial.length === 0 ? [] : [world.places(), ...placesBefore];
  const faults = faultsOf(answer, view.end(), places);
  if (faults.length > 0) throw new Error(`a search by ${sort} ${when}: ${faults.join('; ')}`);
}

/** As a workflow, also where nothing is made to fail: a machine may be busy, and a part of the store be opened anew. */
export async function untilDone(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      requireTransient(error);
      if (attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

/** A workflow does not try again what is permanent. */
export function requireTransient(error: unknown): void {
  if (isAkoshaError(error) && error.permanent) throw error;
}

/** The same numbers for the same seed, from 0 to below 1. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function oneOf<T>(choices: readonly T[], next: () => number): T {
  const chosen = choices[Math.floor(next() * choices.length)];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
}
