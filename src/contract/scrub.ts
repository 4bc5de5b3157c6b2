import type { RepairableTier } from './memory.js';

/**
 * What a scrub may find. `object_missing`, `object_differs`: a journal or cold object that keeps rows is gone, or its bytes are not those that
 * were written; `object_lacks_row`: it is whole, and a row that it is to keep is not in it. `file_damaged`: a table of a tier cannot be read to its end;
 * `row_missing`, `row_differs`: a placement's row is not in its tier, or is another memory's or another version. `row_unplaced`: a row of a
 * committed operation whose memory has no placement at all.
 */
export const FINDING_KINDS = [
  'object_missing',
  'object_differs',
  'object_lacks_row',
  'file_damaged',
  'row_missing',
  'row_differs',
  'row_unplaced',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** Something that is not as it should be, looked at twice. */
export interface ScrubFinding {
  kind: FindingKind;
  /** The object, the table, or the memory and where its row should be. */
  subject: string;
  expected: string;
  found: string;
}

/** What was looked at. */
export interface ScrubCounts {
  /** Journal and cold objects, and their bytes. */
  objects: number;
  bytes: number;
  /** Placements, of each the row in hot or warm and the one in the object that keeps it. */
  placements: number;
  /** Rows of hot, warm and cold that have or need no placement. */
  rows: number;
}

export const NOTHING_SCRUBBED: ScrubCounts = { objects: 0, bytes: 0, placements: 0, rows: 0 };

export function addScrubbed(a: ScrubCounts, b: ScrubCounts): ScrubCounts {
  return {
    objects: a.objects + b.objects,
    bytes: a.bytes + b.bytes,
    placements: a.placements + b.placements,
    rows: a.rows + b.rows,
  };
}

/** How far a scrub has come: first the objects, in order of their number up to the last at its begin; then hot, then warm, table by table. */
export type ScrubCursor =
  | { part: 'objects'; after: number; upTo: number }
  | { part: 'rows'; tier: RepairableTier; table: string; after: number };

export interface ScrubPortion {
  counts: ScrubCounts;
  /** Null behind the last, and where so much was found that the rest would say nothing new. */
  next: ScrubCursor | null;
}

/** What a scrub came to. */
export interface ScrubReport extends ScrubCounts {
  /** In all, found anew or again. */
  findings: number;
  /** Tiers whose file is on record as damaged: `akosha repair` brings back what they lack, and nobody looked at them. */
  skipped: RepairableTier[];
}
