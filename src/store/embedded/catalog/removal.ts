import type { CatalogDatabase } from './database.js';
import { notePlaced } from './known.js';

/**
 * Removes the placements that are listed in `forgetting`, with all that hangs on them, inside the caller's transaction, and empties that list.
 * `opId` is above those of all operations before.
 */
export function removePlacements(db: CatalogDatabase, { opId, now }: { opId: number; now: number }): void {
  const there = 'IN (SELECT pid FROM forgetting)';
  // A list of what stands, made before, may be used by a commit once it can come back.
  const systems = db.all<{ id: string }>(
    `SELECT DISTINCT system_id AS id FROM placements WHERE pid ${there}`,
  );
  for (const { id } of systems) notePlaced(db, id, opId);
  db.run(`DELETE FROM memory_text WHERE rowid ${there}`);
  db.run(`DELETE FROM changes WHERE pid ${there}`);
  db.run(
    `INSERT INTO changes (pid, row_id, what, at) SELECT pid, row_id, 'removed', $now FROM placements WHERE pid ${there}`,
    { now },
  );
  db.run(`DELETE FROM held_rows WHERE pid ${there}`);
  db.run(
    `DELETE FROM pins WHERE (system_id, kind, memory_id) IN (SELECT system_id, kind, memory_id FROM placements WHERE pid ${there})`,
  );
  // Their vectors, and what waits for one, go with them.
  db.run(`DELETE FROM placements WHERE pid ${there}`);
  db.run('DELETE FROM forgetting');
}
