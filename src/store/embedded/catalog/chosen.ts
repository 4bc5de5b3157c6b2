import type { MoveStep, Selection, SelectionCursor } from '../../../contract/index.js';
import type { MoveOutcome, WrittenObject } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { holdRows, type FaultyRow } from './held.js';
import {
  finishMove,
  NOT_MOVING,
  openRows,
  RECEIPTED,
  STILL_THERE,
  type ChosenRow,
  type Lease,
  type OpenedMove,
} from './moves.js';
import { requireOpen } from './operations.js';
import { endThaws, keepThawed, NOT_PINNED } from './pins.js';
import { cursorOf, selectRows } from './select.js';

/** Some memories of a selection, by their placements. */
export interface ChosenPage {
  pids: number[];
  next: SelectionCursor | null;
  /** Of a page for cold: the system and month that all of them are of. */
  partition: { systemId: string; year: number; month: number } | null;
}

/** Of what goes to cold a page ends with its system and month, so that each of them makes one object. */
export function choosePage(
  db: CatalogDatabase,
  {
    selection,
    from,
    to,
    after,
    limit,
  }: MoveStep & {
    selection: Selection;
    after: SelectionCursor | undefined;
    limit: number;
  },
): ChosenPage {
  const rows = selectRows(db, selection, { tier: from, after, limit });
  const [first] = rows;
  const month = first && new Date(first.ownTime);
  const sameObject = rows.findIndex(
    ({ systemId, ownTime }) => systemId !== first?.systemId || monthOf(ownTime) !== monthOf(first.ownTime),
  );
  const cut = to === 'cold' && sameObject >= 0;
  const taken = cut ? rows.slice(0, sameObject) : rows;
  const last = cut || rows.length === limit ? taken.at(-1) : undefined;
  return {
    pids: taken.map(({ pid }) => pid),
    next: last === undefined ? null : cursorOf(last),
    partition:
      to !== 'cold' || first === undefined || month === undefined
        ? null
        : { systemId: first.systemId, year: month.getUTCFullYear(), month: month.getUTCMonth() + 1 },
  };
}

function monthOf(ownTime: number): string {
  return new Date(ownTime).toISOString().slice(0, -'-DDTHH:MM:SS.sssZ'.length);
}

/**
 * Step 1 for placements that somebody chose. Their age does not count, nor that a move of them failed lately: who asks may have mended
 * what failed. To a colder tier nothing goes that is pinned there; what a thaw brought back may.
 */
export function openChosen(
  db: CatalogDatabase,
  {
    pids,
    from,
    to,
    systemId,
    ...lease
  }: MoveStep & Lease & { pids: readonly number[]; systemId: string | null },
): OpenedMove | undefined {
  return db.transaction(() => {
    const kind = from === 'cold' || to === 'hot' ? 'thaw' : to === 'cold' ? 'cold' : 'move';
    const chosen = JSON.stringify(pids);
    if (kind !== 'thaw') endThaws(db, chosen);
    const rows = db.all<ChosenRow>(
      `SELECT p.pid, p.row_id, p.own_time, p.ord FROM json_each($chosen) c CROSS JOIN placements p ON p.pid = c.value
       WHERE p.tier = $from AND p.deleted = 0 AND ${NOT_MOVING} AND ${kind === 'thaw' ? 'true' : NOT_PINNED}
         AND ${kind === 'cold' ? RECEIPTED : 'true'}`,
      { chosen, from, now: lease.now },
    );
    return openRows(db, kind, systemId, lease, rows);
  });
}

/** The cold objects in which the rows of an open operation stand. */
export function sourceObjects(db: CatalogDatabase, opId: number): WrittenObject[] {
  return db.all<WrittenObject>(
    `SELECT DISTINCT o.name, o.bytes, o.sha256 FROM batch_rows b JOIN placements p ON p.pid = b.pid
     JOIN objects o ON o.object_id = p.object_id WHERE b.op_id = $opId`,
    { opId },
  );
}

export interface CommitThaw extends MoveStep {
  opId: number;
  /** Under which the texts of rows from cold are staged, by their new row ids. */
  stage: string;
  faulty: readonly FaultyRow[];
  staysUntil: number;
  now: number;
}

/**
 * Step 3 of a thaw. Keeper and order stay as they are: the cold object goes on keeping the row, since what stands on this disk alone is
 * not kept. What comes from cold gets its words back, and waits for vectors, which cold does not keep.
 */
export function commitThaw(db: CatalogDatabase, input: CommitThaw): MoveOutcome {
  return db.transaction(() => {
    const { opId, from, to } = input;
    requireOpen(db, opId);
    const held = holdRows(db, input);
    if (from === 'cold') warmUp(db, input);
    const moved = db.run(
      `UPDATE placements SET row_id = m.new_row_id, tier = $to, object_id = NULL
       FROM (SELECT b.pid, b.new_row_id FROM batch_rows b ${STILL_THERE}) m WHERE placements.pid = m.pid`,
      { opId, to },
    );
    keepThawed(db, input);
    finishMove(db, input);
    return { moved, held };
  });
}

function warmUp(db: CatalogDatabase, { opId, stage }: CommitThaw): void {
  db.run(
    `INSERT INTO memory_text (rowid, content) SELECT b.pid, t.content FROM batch_rows b
     JOIN incoming_texts t ON t.stage = $stage AND t.n = b.new_row_id ${STILL_THERE}`,
    { opId, stage },
  );
  db.run(
    `INSERT INTO vectors_waiting (model_id, pid) SELECT m.model_id, b.pid FROM batch_rows b JOIN models m ON m.role <> 'old' ${STILL_THERE}
       AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.model_id = m.model_id AND v.pid = b.pid) ON CONFLICT DO NOTHING`,
    { opId },
  );
}
