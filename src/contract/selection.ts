import type { Kind, MemoryKey, SystemId, Tier } from './memory.js';

/** Which memories are meant: those that are named, or all that the filters let pass. A workflow's argument, so it is small plain JSON. */
export interface Selection {
  /** These alone, at most `MAX_NAMED_MEMORIES`; the filters hold for them as well. */
  memories?: MemoryKey[];
  systemId?: SystemId;
  kind?: Kind;
  project?: string;
  tag?: string;
  /** Own time, milliseconds since 1970: from `since` to before `until`. */
  since?: number;
  until?: number;
}

/** As many as a search answers. With the longest of ids a megabyte, half of what Temporal takes as an argument. */
export const MAX_NAMED_MEMORIES = 1_000;

/** How far a walk over a selection in one tier has come. */
export interface SelectionCursor {
  readonly systemId: string;
  /** Milliseconds since 1970. */
  readonly ownTime: number;
  /** The store's number of the memory. */
  readonly pid: number;
}

/** `move`: to a colder tier, `thaw`: to a warmer one. */
export type MoveAction = 'move' | 'thaw';

/** One way from tier to tier that a person can ask for. */
export interface MoveStep {
  from: Tier;
  to: Tier;
}

/** The ways by which memories of all tiers get to one: what is due to go two ways goes one after the other. Empty where none lead there. */
export function stepsOf(action: MoveAction, to: Tier): MoveStep[] {
  if (action === 'move') {
    const toWarm: MoveStep = { from: 'hot', to: 'warm' };
    if (to === 'hot') return [];
    return to === 'warm' ? [toWarm] : [toWarm, { from: 'warm', to: 'cold' }];
  }
  if (to === 'cold') return [];
  return to === 'warm'
    ? [{ from: 'cold', to }]
    : [
        { from: 'warm', to },
        { from: 'cold', to },
      ];
}
