import type { MemoryKey, MoveStep, Selection, SelectionCursor, Tier } from '../contract/index.js';

export interface SelectionPageRequest {
  tier: Tier;
  /** Absent at the beginning. */
  after?: SelectionCursor | undefined;
  limit: number;
}

export interface SelectedPage {
  /** In order of system and own time. Deleted memories are none. */
  memories: MemoryKey[];
  next: SelectionCursor | null;
}

/** The next memories of a selection that go from a tier to another. */
export interface ChosenRequest extends MoveStep {
  selection: Selection;
  /** Absent at the beginning. */
  after?: SelectionCursor | undefined;
  limit: number;
}

/** Some of a selection, and the operation that moves them. */
export interface Chosen<Opened> {
  /** Undefined where none of them can be moved now: pinned, in another batch, gone from the tier since, or without its upload's receipt. */
  operation: Opened | undefined;
  /** How many were looked at. */
  selected: number;
  /** Behind them; null where there are no more. */
  next: SelectionCursor | null;
}
