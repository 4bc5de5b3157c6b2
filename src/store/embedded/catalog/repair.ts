import type { RepairableTier } from '../../../contract/index.js';
import type { MoveOutcome, WrittenObject } from '../../store.js';
import type { RepairCursor } from '../../repair.js';
import type { CatalogDatabase } from './database.js';
import { holdRows, type FaultyRow } from './held.js';
import {
  finishMove,
  NOT_MOVING,
  openRows,
  STILL_THERE,
  type ChosenRow,
  type Lease,
  type OpenedMove,
} from './moves.js';
import { requireOpen } from './operations.js';

/** A placement whose row a repair looks for. */
export interface CheckedRow {
  pid: number;
  rowId: number;
  /** Milliseconds since 1970. */
  ownTime: number;
  keeper: number;
}

/** Deleted memories too: their rows say so. */
export function rowsToCheck(
  db: CatalogDatabase,
  { tier, after, limit }: { tier: RepairableTier; after: RepairCursor | undefined; limit: number },
): CheckedRow[] {
  // Named, because SQLite would take the index by age and sort the whole tier for each part.
  return db.all<CheckedRow>(
    `SELECT p.pid, p.row_id AS rowId, p.own_time AS ownTime, p.keeper_id AS keeper FROM placements p INDEXED BY placements_by_keeper
     WHERE p.tier = $tier AND (p.keeper_id, p.pid) > ($keeper, $pid) ORDER BY p.keeper_id, p.pid LIMIT $limit`,
    { tier, keeper: after?.keeper ?? -1, pid: after?.pid ?? -1, limit },
  );
}

/** So many row ids back from the last that was placed. Without it a tier into which little came lately has all rows of the other looked at. */
const NEWEST_SPAN = 100_000;

/** Those of a tier whose rows were written last. */
export function newestPlaced(
  db: CatalogDatabase,
  { tier, limit }: { tier: RepairableTier; limit: number },
): CheckedRow[] {
  return db.all<CheckedRow>(
    `SELECT p.pid, p.row_id AS rowId, p.own_time AS ownTime, p.keeper_id AS keeper FROM placements p INDEXED BY placements_by_row
     WHERE p.row_id > (SELECT max(row_id) FROM placements) - $span AND p.tier = $tier ORDER BY p.row_id DESC LIMIT $limit`,
    { tier, span: NEWEST_SPAN, limit },
  );
}

/** Step 1, of the placements that still name the rows that were found to be lost. */
export function openRepair(
  db: CatalogDatabase,
  { tier, rows, ...lease }: Lease & { tier: RepairableTier; rows: readonly CheckedRow[] },
): OpenedMove | undefined {
  return db.transaction(() => {
    const lost = db.all<ChosenRow>(
      `SELECT p.pid, p.row_id, p.own_time, p.ord FROM json_each($rows) r
       CROSS JOIN placements p ON p.pid = r.value ->> 'pid' AND p.row_id = r.value ->> 'rowId'
       WHERE p.tier = $tier AND ${NOT_MOVING}`,
      { tier, rows: JSON.stringify(rows) },
    );
    return openRows(db, 'repair', null, lease, lost);
  });
}

/** A row of an open repair, as the object that keeps it has it. */
export interface KeptRow {
  newRowId: number;
  systemId: string;
  kind: string;
  memoryId: string;
  hash: string;
}

/** What keeps the rows of an open repair. */
export interface RepairSources {
  rows: KeptRow[];
  journals: WrittenObject[];
  cold: WrittenObject[];
}

export function repairSources(db: CatalogDatabase, opId: number): RepairSources {
  const objects = db.all<WrittenObject & { kind: 'journal' | 'cold' }>(
    `SELECT DISTINCT o.kind, o.name, o.bytes, o.sha256 FROM batch_rows b JOIN placements p ON p.pid = b.pid
     JOIN objects o ON o.object_id = p.keeper_id WHERE b.op_id = $opId`,
    { opId },
  );
  const ofKind = (wanted: 'journal' | 'cold'): WrittenObject[] =>
    objects.filter(({ kind }) => kind === wanted).map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }));
  return {
    rows: db.all<KeptRow>(
      `SELECT b.new_row_id AS newRowId, p.system_id AS systemId, p.kind, p.memory_id AS memoryId, p.hash
       FROM batch_rows b JOIN placements p ON p.pid = b.pid WHERE b.op_id = $opId`,
      { opId },
    ),
    journals: ofKind('journal'),
    cold: ofKind('cold'),
  };
}

/** Step 3: tier, keeper and order stay as they are, and what was replaced, moved or forgotten meanwhile is left out. */
export function commitRepair(
  db: CatalogDatabase,
  input: { opId: number; faulty: readonly FaultyRow[]; now: number },
): MoveOutcome {
  return db.transaction(() => {
    requireOpen(db, input.opId);
    const held = holdRows(db, input);
    const moved = db.run(
      `UPDATE placements SET row_id = m.new_row_id
       FROM (SELECT b.pid, b.new_row_id FROM batch_rows b ${STILL_THERE}) m WHERE placements.pid = m.pid`,
      { opId: input.opId },
    );
    finishMove(db, input);
    return { moved, held };
  });
}
