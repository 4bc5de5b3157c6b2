import { keyText, type RepairableTier, type ScrubFinding } from '../../contract/index.js';
import type { ScrubbedPart } from '../store.js';
import type { PlacedRow } from './catalog/scrub.js';
import type { ScrubbedRow } from './tiers/scrubbing.js';

export const NOTHING_FOUND: ScrubbedPart = { counts: { placements: 0, rows: 0 }, findings: [] };

export function unplaced(row: ScrubbedRow, where: string): ScrubFinding {
  return {
    kind: 'row_unplaced',
    subject: `${keyText(row)} in ${where}`,
    expected: 'a placement of the memory',
    found: `none; ${describePlaced(row)}, operation ${row.opId}`,
  };
}

export function damagedTable(tier: RepairableTier, table: string, reason: string): ScrubFinding {
  const expected = 'a table that can be read to its end';
  return { kind: 'file_damaged', subject: `${tier}/${table}`, expected, found: reason };
}

/** Nothing where the row is what its placement says. */
export function compareRow(
  tier: RepairableTier,
  placed: PlacedRow,
  row: ScrubbedRow | undefined,
): ScrubFinding[] {
  const subject = `${keyText(placed)} in ${tier}`;
  const expected = describePlaced(placed);
  if (row === undefined) return [{ kind: 'row_missing', subject, expected, found: 'no such row' }];
  if (row.hash === placed.hash && keyText(row) === keyText(placed)) return [];
  return [{ kind: 'row_differs', subject, expected, found: `${describePlaced(row)} of ${keyText(row)}` }];
}

export function describePlaced({ rowId, hash }: Pick<PlacedRow, 'rowId' | 'hash'>): string {
  return `row ${rowId}, hash ${hash}`;
}
