import type { ColdPartitionDue, MoveOutcome, WrittenObject } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { holdRows, NOT_HELD, type FaultyRow } from './held.js';
import { closeOperation, openOperation, requireOpen } from './operations.js';
import { NOT_PINNED } from './pins.js';
import { noteObject, notePlacements, type PartNote } from './transitions.js';

/** A row of a move: where it stands now, and the fresh id its copy gets. */
export interface MovingRow {
  pid: number;
  rowId: number;
  newRowId: number;
  ownTime: number;
  /** Of the placement; a cold object carries it. */
  ord: number;
}

export interface OpenedMove {
  opId: number;
  rows: MovingRow[];
}

export interface Lease {
  now: number;
  leaseUntil: number;
}

export const NOT_MOVING = `NOT EXISTS (SELECT 1 FROM batch_rows b WHERE b.pid = p.pid)`;

/** Cold takes rows only once their upload has its receipt: a rebuild ignores journals of uploads without one. */
export const RECEIPTED = `EXISTS (SELECT 1 FROM uploads u WHERE u.system_id = p.system_id AND u.upload_id = p.upload_id
  AND u.state IN ('receipted', 'done', 'raw_gone'))`;

/** Hot to warm, step 1: the oldest rows at or before the cutoff that are in no open batch. */
export function openMove(
  db: CatalogDatabase,
  input: Lease & { cutoff: number; limit: number },
): OpenedMove | undefined {
  return openBatch(db, 'move', null, input, {
    index: 'placements_by_age',
    where: `p.tier = 'hot' AND p.own_time <= $cutoff`,
    parameters: { cutoff: input.cutoff, limit: input.limit },
  });
}

/** Warm to cold, step 1: the same within one system and month. */
export function openCold(
  db: CatalogDatabase,
  input: Lease & { cutoff: number; limit: number; systemId: string; from: number; until: number },
): OpenedMove | undefined {
  return openBatch(db, 'cold', input.systemId, input, {
    // Named, because SQLite would take the one by age, and read that month of all systems for each of them.
    index: 'placements_by_system_age',
    where: `p.tier = 'warm' AND p.system_id = $system AND p.own_time >= $from AND p.own_time < $until
      AND p.own_time <= $cutoff AND ${RECEIPTED}`,
    parameters: {
      system: input.systemId,
      from: input.from,
      until: input.until,
      cutoff: input.cutoff,
      limit: input.limit,
    },
  });
}

function openBatch(
  db: CatalogDatabase,
  kind: 'move' | 'cold',
  systemId: string | null,
  lease: Lease,
  choice: { index: string; where: string; parameters: Record<string, string | number> },
): OpenedMove | undefined {
  return db.transaction(() => {
    const chosen = db.all<ChosenRow>(
      `SELECT p.pid, p.row_id, p.own_time, p.ord FROM placements p INDEXED BY ${choice.index}
       WHERE ${choice.where} AND ${NOT_MOVING} AND ${NOT_HELD} ORDER BY p.own_time, p.pid LIMIT $limit`,
      { ...choice.parameters, now: lease.now },
    );
    return openRows(db, kind, systemId, lease, chosen);
  });
}

export interface ChosenRow {
  pid: number;
  row_id: number;
  own_time: number;
  ord: number;
}

/** Step 1 for these rows, inside the caller's transaction; undefined where there is none. */
export function openRows(
  db: CatalogDatabase,
  kind: 'move' | 'cold' | 'thaw' | 'repair',
  systemId: string | null,
  { leaseUntil }: Pick<Lease, 'leaseUntil'>,
  chosen: readonly ChosenRow[],
): OpenedMove | undefined {
  if (chosen.length === 0) return undefined;
  const first = db.takeIds(chosen.length);
  const opId = openOperation(db, { kind, target: `batch/${first}`, systemId, leaseUntil });
  const rows = chosen.map((row, i) => ({
    pid: row.pid,
    rowId: row.row_id,
    newRowId: first + i,
    ownTime: row.own_time,
    ord: row.ord,
  }));
  db.run(
    `INSERT INTO batch_rows (pid, op_id, row_id, new_row_id)
     SELECT value ->> 'pid', $opId, value ->> 'rowId', value ->> 'newRowId' FROM json_each($rows)`,
    { opId, rows: JSON.stringify(rows) },
  );
  return { opId, rows };
}

/** Rows that the commit takes: those whose placement still names the noted row and that no tombstone covers. */
export const STILL_THERE = `
  JOIN placements p ON p.pid = b.pid AND p.row_id = b.row_id
  WHERE b.op_id = $opId AND NOT EXISTS (
    SELECT 1 FROM tombstones t WHERE t.system_id IN (p.system_id, '') AND (t.scope = 'system'
      OR (t.scope = 'project' AND t.project = p.project)
      OR (t.scope = 'memory' AND t.kind = p.kind AND t.memory_id = p.memory_id)))`;

/** Of these the ones that a move to a colder tier takes: a pin may have come while they were copied; with `$now`. */
const MAY_MOVE = `${STILL_THERE} AND ${NOT_PINNED}`;

export interface CommitMove {
  opId: number;
  /** Rows that the copying showed to be unfit. */
  faulty: readonly FaultyRow[];
  now: number;
  /** In whose report it counts. */
  transitionId?: string | undefined;
}

/** Hot to warm, step 3. Keeper and order stay as they are. */
export function commitMove(db: CatalogDatabase, input: CommitMove): MoveOutcome {
  return db.transaction(() => {
    requireOpen(db, input.opId);
    const note = { transitionId: input.transitionId, step: 'warm' } as const;
    const held = holdRows(db, input, note);
    const moved = db.run(
      `UPDATE placements SET row_id = m.new_row_id, tier = 'warm'
       FROM (SELECT b.pid, b.new_row_id FROM batch_rows b ${MAY_MOVE}) m WHERE placements.pid = m.pid`,
      { opId: input.opId, now: input.now },
    );
    finishMove(db, input, note);
    return { moved, held };
  });
}

/**
 * Warm to cold, step 4: object and keeper become the new object; its words are searched there from now on. Without an object, where no row
 * could be written to one, it only holds the rows.
 */
export function commitCold(
  db: CatalogDatabase,
  input: CommitMove & {
    systemId: string;
    month: string;
    /** Rows in the object. */
    found: number;
    object: WrittenObject | undefined;
  },
): MoveOutcome {
  return db.transaction(() => {
    requireOpen(db, input.opId);
    const note = { transitionId: input.transitionId, step: 'cold' } as const;
    const held = holdRows(db, input, note);
    const moved = input.object === undefined ? 0 : placeCold(db, { ...input, object: input.object });
    finishMove(db, input, note);
    if (input.object !== undefined) noteObject(db, note, { ...input, bytes: input.object.bytes });
    return { moved, held };
  });
}

function placeCold(
  db: CatalogDatabase,
  {
    opId,
    systemId,
    object,
    found,
    now,
  }: { opId: number; systemId: string; object: WrittenObject; found: number; now: number },
): number {
  const objectId = db.takeIds(1);
  db.run(
    `INSERT INTO objects (object_id, name, op_id, kind, system_id, bytes, sha256, min_own_time, max_own_time, rows)
     SELECT $objectId, $name, $opId, 'cold', $systemId, $bytes, $sha256, coalesce(min(p.own_time), 0),
       coalesce(max(p.own_time), 0), $rows
     FROM batch_rows b JOIN placements p ON p.pid = b.pid WHERE b.op_id = $opId`,
    { objectId, opId, systemId, rows: found, ...object },
  );
  db.run(`DELETE FROM memory_text WHERE rowid IN (SELECT b.pid FROM batch_rows b ${MAY_MOVE})`, {
    opId,
    now,
  });
  return db.run(
    `UPDATE placements SET row_id = m.new_row_id, tier = 'cold', object_id = $objectId, keeper_id = $objectId
     FROM (SELECT b.pid, b.new_row_id FROM batch_rows b ${MAY_MOVE}) m WHERE placements.pid = m.pid`,
    { opId, objectId, now },
  );
}

export function finishMove(
  db: CatalogDatabase,
  { opId, now }: Pick<CommitMove, 'opId' | 'now'>,
  note?: PartNote,
): void {
  const placed = {
    sql: '(SELECT new_row_id FROM batch_rows WHERE op_id = $opId) b JOIN placements p ON p.row_id = b.new_row_id',
    parameters: { opId },
  };
  notePlacements(db, note, 'rows', placed);
  db.run(
    `INSERT INTO changes (pid, row_id, what, at) SELECT b.pid, b.new_row_id, 'moved', $now FROM batch_rows b
     JOIN placements p ON p.row_id = b.new_row_id WHERE b.op_id = $opId`,
    { opId, now },
  );
  closeOperation(db, opId, 'committed', now);
}

export function countDue(
  db: CatalogDatabase,
  { hotCutoff, warmCutoff, now }: { hotCutoff: number; warmCutoff: number; now: number },
): { hot: number; warm: number } {
  const due = `SELECT count(*) FROM placements p WHERE p.tier = $tier AND p.own_time <= $cutoff AND ${NOT_HELD}`;
  return {
    hot: db.number(due, { tier: 'hot', cutoff: hotCutoff, now }),
    warm: db.number(due, { tier: 'warm', cutoff: warmCutoff, now }),
  };
}

/** Systems and months with enough rows due for cold, or with one due for so long that it must go. */
export function coldPartitionsDue(
  db: CatalogDatabase,
  input: { cutoff: number; minRows: number; overdueCutoff: number; now: number },
): ColdPartitionDue[] {
  return db.all<ColdPartitionDue>(
    `SELECT p.system_id AS systemId, CAST(strftime('%Y', p.own_time / 1000, 'unixepoch') AS INTEGER) AS year,
       CAST(strftime('%m', p.own_time / 1000, 'unixepoch') AS INTEGER) AS month, count(*) AS rows
     FROM placements p WHERE p.tier = 'warm' AND p.own_time <= $cutoff AND ${RECEIPTED} AND ${NOT_HELD}
     GROUP BY 1, 2, 3 HAVING count(*) >= $minRows OR min(p.own_time) <= $overdueCutoff ORDER BY 2, 3, 1`,
    input,
  );
}
