import type { CatalogDatabase } from './database.js';
import { REMOVED_AGAIN } from './forget.js';

/**
 * A project is forgotten with the older versions of its memories, whatever project those were of. While it is being forgotten its newest version
 * may be in one object and an older one in another, so a rebuild has to remember the first when it comes to the second.
 */

/** Of a row `g` of `rebuild_forgotten`, a row of `found` and a placement: which version counts. */
const RANK = {
  g: '(g.ord, g.upload_id, g.present, g.row_id)',
  f: '(f.ord, f.upload_id, 1 - f.deleted, f.row_id)',
  p: '(p.ord, p.upload_id, 1 - p.deleted, p.row_id)',
};

function sameKey(a: string, b: string): string {
  return `${a}.system_id = ${b}.system_id AND ${a}.kind = ${b}.kind AND ${a}.memory_id = ${b}.memory_id`;
}

/** Whether a row `f` of `found` is not newer than one of the same memory that goes with a project. */
export const GOES_WITH_PROJECT = `EXISTS (SELECT 1 FROM rebuild_forgotten g WHERE ${sameKey('g', 'f')} AND ${RANK.g} >= ${RANK.f})`;

/**
 * Within the caller's transaction: notes those of these rows of `found` that a project takes, and takes back older versions that were placed
 * before they came. The tombstones first, because as a rule there are none.
 */
export function noteGoing(db: CatalogDatabase, rowIds: string): void {
  const noted = db.run(
    `INSERT INTO rebuild_forgotten
     SELECT f.system_id, f.kind, f.memory_id, t.scope_id, f.ord, f.upload_id, 1 - f.deleted, f.row_id
     FROM tombstones t CROSS JOIN found f
     WHERE t.scope = 'project' AND t.state = 'standing' AND t.project = f.project AND t.system_id IN (f.system_id, '')
       AND f.row_id IN (SELECT value FROM json_each($rowIds))
     ON CONFLICT DO UPDATE SET ord = excluded.ord, upload_id = excluded.upload_id, present = excluded.present, row_id = excluded.row_id
       WHERE (excluded.ord, excluded.upload_id, excluded.present, excluded.row_id) >
         (rebuild_forgotten.ord, rebuild_forgotten.upload_id, rebuild_forgotten.present, rebuild_forgotten.row_id)`,
    { rowIds },
  );
  if (noted === 0) return;
  const older = `SELECT p.pid FROM found f JOIN rebuild_forgotten g ON ${sameKey('g', 'f')} JOIN placements p ON ${sameKey('p', 'g')}
    WHERE f.row_id IN (SELECT value FROM json_each($rowIds)) AND ${RANK.g} > ${RANK.p}`;
  db.run(`DELETE FROM memory_text WHERE rowid IN (${older})`, { rowIds });
  db.run(`DELETE FROM placements WHERE pid IN (${older})`, { rowIds });
}

/**
 * At the end, for the forgets that go on: their older versions are in scope as far as they were written before now. A memory that stands is
 * of another project by its newest version.
 */
export function keepForgottenKeys(db: CatalogDatabase): void {
  db.run(
    `INSERT INTO forgotten_keys (scope_id, system_id, kind, memory_id, before_op, ord, upload_id)
     SELECT g.scope_id, g.system_id, g.kind, g.memory_id, $opId, g.ord, g.upload_id FROM rebuild_forgotten g
     WHERE NOT EXISTS (SELECT 1 FROM placements p WHERE ${sameKey('p', 'g')}) ${REMOVED_AGAIN}`,
    { opId: db.takeIds(1) },
  );
}
