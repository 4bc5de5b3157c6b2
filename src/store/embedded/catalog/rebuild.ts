import { AkoshaError } from '../../../contract/index.js';
import type { RebuildStep } from '../../rebuild.js';
import type { CatalogDatabase } from './database.js';
import { expireRebuilt } from './expiry.js';
import { keepForgottenKeys } from './rebuild-forgotten.js';

/**
 * What a rebuild has to remember between its steps. The tables go with its end, so no migration ever sees them; a rebuild that another version
 * began gets those that it lacks.
 */
const WORKING_TABLES = `
CREATE TABLE IF NOT EXISTS rebuild_steps (step TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rebuild_uploads (
  system_folder TEXT NOT NULL,
  upload_folder TEXT NOT NULL,
  manifest INTEGER NOT NULL,
  receipt_at INTEGER,
  PRIMARY KEY (system_folder, upload_folder)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rebuild_listed (name TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rebuild_objects (
  seq INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  op_id INTEGER NOT NULL,
  system_id TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('due', 'taken', 'ignored', 'damaged'))
);
CREATE INDEX IF NOT EXISTS rebuild_objects_due ON rebuild_objects (seq) WHERE state = 'due';
-- Of each memory that a project takes with it which is being forgotten, the newest version that is of the project.
CREATE TABLE IF NOT EXISTS rebuild_forgotten (
  system_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  memory_id TEXT NOT NULL,
  scope_id TEXT NOT NULL,
  ord INTEGER NOT NULL,
  upload_id TEXT NOT NULL,
  present INTEGER NOT NULL,
  row_id INTEGER NOT NULL,
  PRIMARY KEY (system_id, kind, memory_id, scope_id)
) WITHOUT ROWID;
`;

const TABLES = ['rebuild_steps', 'rebuild_uploads', 'rebuild_listed', 'rebuild_objects', 'rebuild_forgotten'];

/** When the rebuild that is under way was begun; 0 where none is. */
export function rebuildBegunAt(db: CatalogDatabase): number {
  return db.number(`SELECT value FROM meta WHERE key = 'rebuild_begun_at'`);
}

/**
 * Begins a rebuild in a catalog that has no epoch yet; in one that is being rebuilt it goes on. Returns when it was begun. Raises `BadRequest` for
 * a store that is in use.
 */
export function beginRebuild(db: CatalogDatabase, now: number): number {
  return db.transaction(() => {
    const begunAt = rebuildBegunAt(db);
    if (begunAt > 0) {
      db.execute(WORKING_TABLES);
      return begunAt;
    }
    if (db.number(`SELECT value FROM meta WHERE key = 'epoch'`) > 0)
      throw new AkoshaError(
        'BadRequest',
        'a store stands in the data folder, and a rebuild overwrites none: where it is damaged, move its folder `store` away first',
      );
    db.run(`INSERT INTO meta VALUES ('rebuild_begun_at', $now)`, { now });
    db.execute(WORKING_TABLES);
    return now;
  });
}

/** All objects that stand are this store's from here on, whichever epoch made them: the one before is dead, and its garbage is ours. */
export function startRebuildEpoch(db: CatalogDatabase, epoch: number): void {
  db.transaction(() => {
    if (db.number(`SELECT value FROM meta WHERE key = 'epoch'`) === 0) db.startEpoch(epoch);
    db.run(`UPDATE meta SET value = 1 WHERE key = 'first_id'`);
  });
}

export function isStepDone(db: CatalogDatabase, step: RebuildStep): boolean {
  return db.number(`SELECT count(*) FROM rebuild_steps WHERE step = $step`, { step }) > 0;
}

export function markStepDone(db: CatalogDatabase, step: RebuildStep): void {
  db.run(`INSERT INTO rebuild_steps VALUES ($step) ON CONFLICT DO NOTHING`, { step });
}

interface Ended {
  memories: number;
  journals: number;
  cold: number;
  ignored: number;
  damaged: string[];
  uploads: number;
  pending: number;
  tombstones: number;
}

/** One transaction: before it nobody but a rebuild opens the store, after it everybody does. */
export function finishRebuild(db: CatalogDatabase, time: { now: number; keptSince: number | null }): Ended {
  return db.transaction(() => {
    if (db.number(`SELECT count(*) FROM rebuild_objects WHERE state = 'due'`) > 0)
      throw new Error('a rebuild ends when every object is taken');
    expireRebuilt(db, time);
    const objects = (where: string): number =>
      db.number(`SELECT count(*) FROM rebuild_objects WHERE ${where}`);
    const ended = {
      memories: db.number(`SELECT coalesce(sum(memories), 0) FROM tier_counts`),
      journals: objects(`state = 'taken' AND kind = 'journal'`),
      cold: objects(`state = 'taken' AND kind = 'cold'`),
      ignored: objects(`state = 'ignored'`),
      damaged: db
        .all<{ name: string }>(`SELECT name FROM rebuild_objects WHERE state = 'damaged' ORDER BY name`)
        .map(({ name }) => name),
      uploads: db.number(`SELECT count(*) FROM uploads`),
      pending: db.number(`SELECT count(*) FROM uploads WHERE state = 'pending'`),
      tombstones: db.number(`SELECT count(*) FROM tombstones`),
    };
    keepForgottenKeys(db);
    db.run(`INSERT INTO damaged_objects SELECT name FROM rebuild_objects WHERE state = 'damaged'`);
    db.run(`UPDATE models SET total = (SELECT count(*) FROM placements WHERE deleted = 0)`);
    for (const table of TABLES) db.execute(`DROP TABLE ${table}`);
    db.run(`DELETE FROM meta WHERE key IN ('rebuild_begun_at', 'rebuild_backup_at')`);
    return ended;
  });
}
