import type { IngestSummary } from './activities.js';
import { NO_ROWS, type RowCounts } from './memory.js';

/** What came of a system's uploads. */
export interface IngestTotals {
  ingested: number;
  quarantined: number;
  rows: RowCounts;
}

export const NO_TOTALS: IngestTotals = { ingested: 0, quarantined: 0, rows: NO_ROWS };

/** With one upload more, unless it was `kept` or `already`: those changed nothing. */
export function addIngested(totals: IngestTotals, { status, rows }: IngestSummary): IngestTotals {
  return addTotals(totals, {
    ingested: status === 'ingested' ? 1 : 0,
    quarantined: status === 'quarantined' ? 1 : 0,
    rows,
  });
}

export function addTotals(a: IngestTotals, b: IngestTotals): IngestTotals {
  return {
    ingested: a.ingested + b.ingested,
    quarantined: a.quarantined + b.quarantined,
    rows: addRows(a.rows, b.rows),
  };
}

export function addRows(a: RowCounts, b: RowCounts): RowCounts {
  return {
    new: a.new + b.new,
    changed: a.changed + b.changed,
    unchanged: a.unchanged + b.unchanged,
    refused: a.refused + b.refused,
    superseded: a.superseded + b.superseded,
    absent: a.absent + b.absent,
    deleted: a.deleted + b.deleted,
    ...expiredOf((a.expired ?? 0) + (b.expired ?? 0)),
  };
}

/** As `RowCounts` has them. */
export function expiredOf(expired: number): Pick<RowCounts, 'expired'> {
  return expired === 0 ? {} : { expired };
}
