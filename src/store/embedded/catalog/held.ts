import type { HeldRows } from '../../../contract/index.js';
import type { CatalogDatabase } from './database.js';
import { NOT_PINNED } from './pins.js';
import { notePlacements, type PartNote } from './transitions.js';

/** A row of a batch that cannot be moved. */
export interface FaultyRow {
  newRowId: number;
  reason: HeldRows['reason'];
}

/** What made a row fail may be gone tomorrow, and one that is damaged for good costs a look a day. */
const HOLD_MS = 86_400_000;

/**
 * Whether nothing keeps a placement `p` where it is: a fault, or a pin; with `$now`. A fault counts by the row id as well: a memory that was
 * written anew since is free at once.
 */
export const NOT_HELD = `NOT EXISTS (SELECT 1 FROM held_rows h
  WHERE h.pid = p.pid AND h.row_id = p.row_id AND h.until > $now) AND ${NOT_PINNED}`;

/**
 * Takes rows out of a batch, inside the caller's transaction, and keeps them out of the next ones for a day: batches take the oldest
 * rows, so one that fails would otherwise be in each of them, and nothing would ever be moved again.
 */
export function holdRows(
  db: CatalogDatabase,
  { opId, faulty, now }: { opId: number; faulty: readonly FaultyRow[]; now: number },
  note?: PartNote,
): HeldRows[] {
  if (faulty.length === 0) return [];
  const rows = JSON.stringify(faulty);
  const named = `json_each($rows) f JOIN batch_rows b ON b.op_id = $opId AND b.new_row_id = f.value ->> 'newRowId'
    JOIN placements p ON p.pid = b.pid AND p.row_id = b.row_id`;
  db.run(
    `INSERT INTO held_rows (pid, row_id, until, reason) SELECT b.pid, b.row_id, $until, f.value ->> 'reason' FROM ${named} WHERE true
     ON CONFLICT DO UPDATE SET row_id = excluded.row_id, until = excluded.until, reason = excluded.reason`,
    { opId, rows, until: now + HOLD_MS },
  );
  const held = db.all<HeldRows>(
    `SELECT f.value ->> 'reason' AS reason, count(*) AS rows,
       min(p.system_id || '/' || p.kind || '/' || p.memory_id) AS example FROM ${named} GROUP BY 1 ORDER BY 1`,
    { opId, rows },
  );
  notePlacements(db, note, 'held', { sql: named, parameters: { opId, rows } });
  db.run(
    `DELETE FROM batch_rows WHERE op_id = $opId
       AND new_row_id IN (SELECT value ->> 'newRowId' FROM json_each($rows))`,
    { opId, rows },
  );
  return held;
}
