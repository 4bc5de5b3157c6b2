import { operationOfObject, uploadOfJournal } from '../../../contract/index.js';
import type { Kind } from '../../../contract/index.js';
import { indexedText } from '../../../memory/words.js';
import type { QueuedObject } from '../../rebuild.js';
import type { CatalogDatabase } from './database.js';
import { GOES_WITH_PROJECT, noteGoing } from './rebuild-forgotten.js';
import { hasTombstone } from './tombstones.js';

export function noteObjects(db: CatalogDatabase, objects: readonly { name: string; bytes: number }[]): void {
  db.run(
    `INSERT INTO rebuild_listed SELECT value ->> 'name', value ->> 'bytes' FROM json_each($objects) WHERE true
     ON CONFLICT DO NOTHING`,
    { objects: JSON.stringify(objects) },
  );
}

/** Listed names per transaction of the queue: their parts are taken out here, not in SQL. */
const LISTED_AT_ONCE = 10_000;

/** A journal counts where its upload is in the ledger as ingested, or nothing else tells of it any more. */
const IGNORED = `r.kind = 'journal' AND EXISTS (SELECT 1 FROM uploads u WHERE u.system_id = r.system_id
  AND u.upload_id = r.upload_id AND u.committed_at IS NULL)`;

/**
 * Journals of uploads that stand complete without having been ingested are left to their ingest: they are of attempts that died, or their commit
 * had no receipt, and its counts would be wrong if their rows stood already. So are those of an upload that was given up.
 */
export function queueObjects(db: CatalogDatabase): void {
  db.transaction(() => {
    db.run(`DELETE FROM rebuild_objects`);
    db.execute(`CREATE TEMP TABLE IF NOT EXISTS rebuild_named (name TEXT, bytes INTEGER, kind TEXT, op_id INTEGER, system_id TEXT,
      upload_id TEXT); DELETE FROM rebuild_named`);
    for (let after = ''; ;) {
      const listed = db.all<{ name: string; bytes: number }>(
        `SELECT name, bytes FROM rebuild_listed WHERE name > $after ORDER BY name LIMIT ${LISTED_AT_ONCE}`,
        { after },
      );
      const last = listed.at(-1);
      if (last === undefined) break;
      after = last.name;
      db.run(
        `INSERT INTO rebuild_named SELECT value ->> 'name', value ->> 'bytes', value ->> 'kind', value ->> 'opId',
           value ->> 'systemId', value ->> 'uploadId' FROM json_each($named)`,
        { named: JSON.stringify(listed.flatMap(named)) },
      );
    }
    db.run(
      `INSERT INTO rebuild_objects (name, kind, op_id, system_id, bytes, state)
       SELECT r.name, r.kind, r.op_id, r.system_id, r.bytes, CASE WHEN ${IGNORED} THEN 'ignored' ELSE 'due' END
       FROM rebuild_named r LEFT JOIN uploads o ON o.system_id = r.system_id AND o.upload_id = r.upload_id
       ORDER BY r.kind, o.ord DESC, r.upload_id DESC, r.op_id DESC`,
    );
    db.run(
      `INSERT INTO systems (system_id) SELECT DISTINCT system_id FROM rebuild_named WHERE true ON CONFLICT DO NOTHING`,
    );
    db.execute(`DROP TABLE rebuild_named; DELETE FROM rebuild_listed`);
  });
}

/** Nothing for a name of another shape: no program of ours wrote that. */
function named({ name, bytes }: { name: string; bytes: number }): object[] {
  const opId = operationOfObject(name);
  if (opId === undefined) return [];
  const upload = uploadOfJournal(name);
  if (upload !== undefined) return [{ name, bytes, opId, kind: 'journal', ...upload }];
  const systemId = /^cold\/system=([^/]+)\//.exec(name)?.[1];
  return systemId === undefined ? [] : [{ name, bytes, opId, kind: 'cold', systemId, uploadId: null }];
}

export function queuedObjects(db: CatalogDatabase, after: number, limit: number): QueuedObject[] {
  return db.all<QueuedObject>(
    `SELECT seq, name, kind, bytes FROM rebuild_objects WHERE state = 'due' AND seq > $after ORDER BY seq LIMIT $limit`,
    { after, limit },
  );
}

export function markDamaged(db: CatalogDatabase, name: string): void {
  db.run(`UPDATE rebuild_objects SET state = 'damaged' WHERE name = $name`, { name });
}

export function rebuildProgress(db: CatalogDatabase): { taken: number; objects: number; memories: number } {
  return {
    taken: db.number(`SELECT count(*) FROM rebuild_objects WHERE state <> 'due'`),
    objects: db.number(`SELECT count(*) FROM rebuild_objects`),
    memories: db.number(`SELECT coalesce(sum(memories), 0) FROM tier_counts`),
  };
}

/** A row of an object, as the catalog has to know it. */
export interface FoundRow {
  systemId: string;
  kind: Kind;
  memoryId: string;
  rowId: number;
  hash: string;
  order: number;
  uploadId: string;
  deleted: 0 | 1;
  tier: 'hot' | 'warm' | 'cold';
  ownTime: number;
  project: string | null;
  object: string;
  tags: readonly (string | null)[];
  /** Of the oldest version of the memory among those read together: the upload that brought it. */
  firstUploadId: string;
  /** The model of the vector that it has; null where it has none. */
  model: string | null;
}

const FOUND_TABLES = `
CREATE TEMP TABLE IF NOT EXISTS found (
  system_id TEXT, kind TEXT, memory_id TEXT, row_id INTEGER, hash TEXT, ord INTEGER, upload_id TEXT, deleted INTEGER, tier TEXT,
  own_time INTEGER, project TEXT, object TEXT, model TEXT, tags TEXT, known_since INTEGER,
  PRIMARY KEY (system_id, kind, memory_id)
) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS found_texts (row_id INTEGER PRIMARY KEY, content TEXT);
`;

/**
 * The greater pair of order and upload id counts. Of two rows of one upload, one that has a text counts before one that says it is deleted, as
 * what a reader no longer finds stays; then the row that was written later: the cold object's made of a journal's, or a second reading's. Not
 * the one whose object is later: an old journal that a forget wrote anew would come before what was made of its rows.
 */
const STANDS = `EXISTS (SELECT 1 FROM placements p
  WHERE p.system_id = f.system_id AND p.kind = f.kind AND p.memory_id = f.memory_id
    AND (p.ord, p.upload_id, 1 - p.deleted, p.row_id) >= (f.ord, f.upload_id, 1 - f.deleted, f.row_id))`;

export function dropFound(db: CatalogDatabase): void {
  db.execute(`${FOUND_TABLES} DELETE FROM found; DELETE FROM found_texts`);
}

/**
 * Takes in rows of a batch of objects, each key once in all of it. Returns the row ids of those that are to be placed: what is forgotten is not,
 * nor what is older than what stands, or than what goes with a project.
 */
export function stageFound(db: CatalogDatabase, rows: readonly FoundRow[]): number[] {
  const json = JSON.stringify(rows);
  db.run(
    `INSERT INTO found SELECT value ->> 'systemId', value ->> 'kind', value ->> 'memoryId', value ->> 'rowId', value ->> 'hash',
       value ->> 'order', value ->> 'uploadId', value ->> 'deleted', value ->> 'tier', value ->> 'ownTime', value ->> 'project',
       value ->> 'object', value ->> 'model', value -> 'tags', coalesce((SELECT u.committed_at FROM uploads u
         WHERE u.system_id = value ->> 'systemId' AND u.upload_id = value ->> 'firstUploadId'), value ->> 'ownTime')
     FROM json_each($rows)`,
    { rows: json },
  );
  // As far back as versions of it still stand; older ones come after newer ones.
  db.run(
    `UPDATE placements SET known_since = min(placements.known_since, f.known_since) FROM found f
     WHERE f.system_id = placements.system_id AND f.kind = placements.kind AND f.memory_id = placements.memory_id`,
  );
  const rowIds = JSON.stringify(rows.map(({ rowId }) => rowId));
  const ids = `(SELECT value FROM json_each($rowIds))`;
  db.transaction(() => noteGoing(db, rowIds));
  db.run(
    `DELETE FROM found AS f WHERE f.row_id IN ${ids} AND (${STANDS} OR ${GOES_WITH_PROJECT} OR ${hasTombstone('f', 'f.system_id')})`,
    { rowIds },
  );
  return db
    .all<{ id: number }>(`SELECT row_id AS id FROM found WHERE row_id IN ${ids}`, { rowIds })
    .map(({ id }) => id);
}

export function stageFoundTexts(
  db: CatalogDatabase,
  texts: readonly { rowId: number; content: string }[],
): void {
  db.run(
    `INSERT INTO found_texts SELECT value ->> 'rowId', value ->> 'content' FROM json_each($texts) WHERE true
     ON CONFLICT DO NOTHING`,
    { texts: JSON.stringify(texts.map(({ rowId, content }) => ({ rowId, content: indexedText(content) }))) },
  );
}

export interface TakenObject {
  name: string;
  bytes: number;
  sha256: string;
  /** Those too that do not count. */
  rows: number | null;
  minOwnTime: number;
  maxOwnTime: number;
}

/** One transaction: the objects are on record, what was staged of them is placed, and they are taken. */
export function placeFound(db: CatalogDatabase, objects: readonly TakenObject[], now: number): void {
  db.transaction(() => {
    for (const object of objects) registerObject(db, object);
    const replaced = `(SELECT p.pid FROM found f JOIN placements p ON p.system_id = f.system_id AND p.kind = f.kind
      AND p.memory_id = f.memory_id)`;
    db.run(`DELETE FROM memory_text WHERE rowid IN ${replaced}`);
    db.run(`DELETE FROM memory_tags WHERE pid IN ${replaced}`);
    db.run(`DELETE FROM vectors_waiting WHERE pid IN ${replaced}`);
    db.run(
      `INSERT INTO placements (system_id, kind, memory_id, row_id, hash, ord, upload_id, deleted, tier, object_id, keeper_id,
         own_time, project, known_since)
       SELECT f.system_id, f.kind, f.memory_id, f.row_id, f.hash, f.ord, f.upload_id, f.deleted, f.tier,
         CASE f.tier WHEN 'cold' THEN o.object_id END, o.object_id, f.own_time, f.project, f.known_since
       FROM found f JOIN objects o ON o.name = f.object WHERE true
       ON CONFLICT (system_id, kind, memory_id) DO UPDATE SET row_id = excluded.row_id, hash = excluded.hash,
         ord = excluded.ord, upload_id = excluded.upload_id, deleted = excluded.deleted, tier = excluded.tier,
         object_id = excluded.object_id, keeper_id = excluded.keeper_id, own_time = excluded.own_time,
         project = excluded.project, known_since = min(placements.known_since, excluded.known_since)`,
    );
    const placed = `found f JOIN placements p ON p.row_id = f.row_id`;
    db.run(
      `INSERT INTO memory_text (rowid, content) SELECT p.pid, t.content FROM found_texts t
       JOIN placements p ON p.row_id = t.row_id`,
    );
    db.run(
      `INSERT INTO memory_tags (pid, tag) SELECT p.pid, g.value FROM ${placed}, json_each(f.tags) g
       WHERE f.deleted = 0 AND g.value IS NOT NULL ON CONFLICT DO NOTHING`,
    );
    db.run(
      `INSERT INTO vectors_waiting (model_id, pid) SELECT m.model_id, p.pid FROM ${placed}
       JOIN models m ON m.role <> 'old' AND m.name IS NOT f.model WHERE f.deleted = 0`,
    );
    db.run(
      `INSERT INTO changes (pid, row_id, what, at)
       SELECT p.pid, p.row_id, CASE p.deleted WHEN 1 THEN 'removed' ELSE 'placed' END, $now FROM ${placed}`,
      { now },
    );
    db.run(
      `UPDATE rebuild_objects SET state = 'taken' WHERE name IN (SELECT value ->> 'name' FROM json_each($objects))`,
      { objects: JSON.stringify(objects) },
    );
    dropFound(db);
  });
}

function registerObject(db: CatalogDatabase, { name, ...object }: TakenObject): void {
  db.run(
    `INSERT INTO objects (object_id, name, op_id, kind, system_id, bytes, sha256, min_own_time, max_own_time, rows)
     SELECT $objectId, name, op_id, kind, system_id, $bytes, $sha256, $minOwnTime, $maxOwnTime,
       CASE kind WHEN 'cold' THEN $rows END
     FROM rebuild_objects WHERE name = $name`,
    { objectId: db.takeIds(1), name, ...object },
  );
}
