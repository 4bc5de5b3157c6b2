import { operationOfObject } from '../../../contract/index.js';
import type { CatalogDatabase } from './database.js';
import { NOT_STOPPED } from './findings.js';
import { trimPins } from './pins.js';
import { trimTransitions } from './transitions.js';

/** A row that stands in a table of a tier. */
export interface StandingRow {
  rowId: number;
  opId: number;
}

export interface SweepClock {
  now: number;
  /** Only what was first found unnamed before this instant may go: nobody can still be reading it. */
  unnamedBefore: number;
}

/** An operation nobody knows was never committed here: its writer died before its first transaction, or came too late. */
const CLOSED = `NOT EXISTS (SELECT 1 FROM operations o WHERE o.op_id = $opId AND o.state = 'open')`;

/**
 * Which of these rows may be deleted: their operation is closed, no placement names them, and that was so already
 * `unnamedBefore`. A closed operation's ids are never placed again, so the choice stays right after this transaction.
 */
export function chooseRows(db: CatalogDatabase, rows: readonly StandingRow[], clock: SweepClock): number[] {
  return db.transaction(() => {
    const unnamed = db.all<{ id: number }>(
      `SELECT r.value ->> 'rowId' AS id FROM json_each($rows) r
       WHERE NOT EXISTS (SELECT 1 FROM placements p WHERE p.row_id = r.value ->> 'rowId' AND p.tier <> 'cold')
         AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.op_id = r.value ->> 'opId' AND o.state = 'open')`,
      { rows: JSON.stringify(rows) },
    );
    return ripe(
      db,
      'row',
      unnamed.map((row) => String(row.id)),
      clock,
    ).map(Number);
  });
}

/**
 * The same for objects of `journal/` and `cold/`. One that was committed stays while an upload of its system lacks its
 * receipt: a rebuild would count that upload's rows against what stands. Objects of another epoch are another store's,
 * and are left to its rebuild. What a rebuild left out as damaged may be the only copy of its rows, which a person may yet put back.
 */
export function chooseObjects(db: CatalogDatabase, names: readonly string[], clock: SweepClock): string[] {
  return db.transaction(() => {
    const firstId = db.number(`SELECT value FROM meta WHERE key = 'first_id'`);
    const unnamed = names.filter((name) => {
      const opId = operationOfObject(name);
      return opId !== undefined && opId >= firstId && isUnnamed(db, name, opId);
    });
    return ripe(db, 'object', unnamed, clock);
  });
}

function isUnnamed(db: CatalogDatabase, name: string, opId: number): boolean {
  const free = db.number(
    `SELECT ${CLOSED} AND NOT EXISTS (SELECT 1 FROM damaged_objects d WHERE d.name = $name)
     AND NOT EXISTS (SELECT 1 FROM objects b WHERE b.name = $name AND (
       EXISTS (SELECT 1 FROM placements p WHERE p.keeper_id = b.object_id)
       OR EXISTS (SELECT 1 FROM uploads u WHERE u.system_id = b.system_id AND u.state = 'committed')))`,
    { name, opId },
  );
  return free === 1;
}

/** Remembers when each was first found unnamed, and returns those found so before the limit: none while what a scrub found stands. */
function ripe(
  db: CatalogDatabase,
  what: 'row' | 'object',
  ids: readonly string[],
  clock: SweepClock,
): string[] {
  const list = JSON.stringify(ids);
  db.run(
    `INSERT INTO unnamed (what, id, since) SELECT $what, value, $now FROM json_each($list) WHERE true
     ON CONFLICT DO NOTHING`,
    { what, list, now: clock.now },
  );
  return db
    .all<{ id: string }>(
      // Not a join with the list: SQLite then reads the whole list again for each row that is noted.
      `SELECT id FROM unnamed WHERE what = $what AND id IN (SELECT CAST(value AS TEXT) FROM json_each($list))
         AND since < $before AND ${NOT_STOPPED}`,
      { what, list, before: clock.unnamedBefore },
    )
    .map((row) => row.id);
}

/** Drops the notes about what has been deleted, and the catalog's rows of deleted objects. */
export function forgetUnnamed(db: CatalogDatabase, what: 'row' | 'object', ids: readonly string[]): void {
  const list = JSON.stringify(ids);
  db.transaction(() => {
    db.run(
      `DELETE FROM unnamed WHERE what = $what AND id IN (SELECT CAST(value AS TEXT) FROM json_each($list))`,
      {
        what,
        list,
      },
    );
    if (what === 'object')
      db.run(`DELETE FROM objects WHERE name IN (SELECT value FROM json_each($list))`, { list });
  });
}

/** Objects on record that no placement names: garbage, or gone already where a sweep died between its two steps. */
export function unnamedObjects(db: CatalogDatabase): string[] {
  return db
    .all<{ name: string }>(
      `SELECT name FROM objects b WHERE NOT EXISTS (SELECT 1 FROM placements p WHERE p.keeper_id = b.object_id)
       ORDER BY name LIMIT 10000`,
    )
    .map((row) => row.name);
}

/** Rows per tier table that placements name: a table that holds no more than that has nothing to sweep. */
export function countPlaced(db: CatalogDatabase, from: number, until: number, tier: 'hot' | 'warm'): number {
  return db.number(
    `SELECT count(*) FROM placements WHERE tier = $tier AND own_time >= $from AND own_time < $until`,
    { tier, from, until },
  );
}

/** The change log is for indexes that save themselves far more often than this. */
const CHANGES_KEPT_MS = 7 * 86_400_000;

export function trimChanges(db: CatalogDatabase, now: number): number {
  const before = now - CHANGES_KEPT_MS;
  // What was found unnamed so long ago and is still noted has gone without its note.
  db.run(`DELETE FROM unnamed WHERE since < $before`, { before });
  db.run(`DELETE FROM held_rows WHERE until <= $now`, { now });
  trimPins(db, now);
  trimTransitions(db, now);
  return db.run(`DELETE FROM changes WHERE at < $before`, { before });
}
