import type { Tier } from '../../../contract/index.js';
import type { Candidate, MadeVector, SearchFilters, WaitingCursor } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import {
  FILTERED,
  filterParameters,
  PLACED,
  toCandidate,
  toPlaced,
  type CandidateRow,
  type Placed,
  type PlacedRow,
} from './lookup.js';
import { wantedModelId } from './models.js';

/**
 * Vectors that the server made, keyed as the text index is, by placement: a move between tiers does not touch them, and what takes a
 * memory's text away takes them too. As libsql's `F8_BLOB`: 384 steps of 8 bits with their scale, 395 bytes.
 */

/**
 * Inside the caller's transaction, once the rows of a stage are placed: vectors of what was replaced go, and what came without a vector
 * of a model that is wanted waits for one.
 */
export function awaitVectors(db: CatalogDatabase, stage: string, needed: string): void {
  const replaced = `(SELECT pid FROM incoming WHERE stage = $stage AND ${needed} AND pid IS NOT NULL)`;
  db.run(`DELETE FROM vectors WHERE pid IN ${replaced}`, { stage });
  db.run(`DELETE FROM vectors_waiting WHERE pid IN ${replaced}`, { stage });
  db.run(
    `INSERT INTO vectors_waiting (model_id, pid) SELECT m.model_id, p.pid FROM incoming i
     JOIN incoming_texts t ON t.stage = i.stage AND t.n = i.n JOIN placements p ON p.row_id = i.row_id
     JOIN models m ON m.role <> 'old' AND m.name IS NOT t.model WHERE i.stage = $stage`,
    { stage },
  );
}

/** Looked at in one statement: some hundredths of a second, in which its thread answers nobody else. */
const WINDOW = 20_000;

interface WaitingPart {
  placed: Placed[];
  next: WaitingCursor | null;
}

/**
 * What waits for vectors of a model: what is not cold in order of placement, then what is cold in order of its objects. Ends only where
 * nothing new waits either, so that new memories do not wait for the cold ones of years.
 */
export function waitingPlacements(
  db: CatalogDatabase,
  { model, after, limit }: { model: string; after: WaitingCursor; limit: number },
): WaitingPart {
  const id = wantedModelId(db, model);
  if (id === undefined) return { placed: [], next: null };
  const here = waitingHere(db, { id, after, limit });
  if (here !== undefined) return here;
  // Most of the time nothing cold waits: what does was there before there were models, or a move to another one began.
  const cold = `SELECT EXISTS (SELECT 1 FROM vectors_waiting w CROSS JOIN placements p ON p.pid = w.pid
    WHERE w.model_id = $id AND p.object_id IS NOT NULL)`;
  if (after.object < 0 && db.number(cold, { id }) === 0) return { placed: [], next: null };
  return waitingInObjects(db, { id, after, limit });
}

interface PartOf {
  id: number;
  after: WaitingCursor;
  limit: number;
}

/** Undefined where there is no more of it. */
function waitingHere(db: CatalogDatabase, { id, after, limit }: PartOf): WaitingPart | undefined {
  const { placement } = after;
  const window = `SELECT pid FROM vectors_waiting WHERE model_id = $id AND pid > $placement ORDER BY pid LIMIT ${WINDOW}`;
  const rows = db.all<PlacedRow & { pid: number }>(
    `SELECT w.pid, ${PLACED} FROM (${window}) w CROSS JOIN placements p ON p.pid = w.pid
     LEFT JOIN objects o ON o.object_id = p.object_id WHERE p.object_id IS NULL ORDER BY w.pid LIMIT $limit`,
    { id, placement, limit },
  );
  const last =
    rows.length < limit
      ? db.get<{ pid: number | null }>(`SELECT max(pid) AS pid FROM (${window})`, { id, placement })
      : rows.at(-1);
  const reached = last?.pid ?? null;
  if (reached === null) return undefined;
  return { placed: rows.map(toPlaced), next: { ...after, placement: reached } };
}

/** By the index of placements by object: where a store is moved to another model nearly all of them wait. */
function waitingInObjects(db: CatalogDatabase, { id, after, limit }: PartOf): WaitingPart {
  const { object, inObject } = after;
  const window = `SELECT object_id, pid FROM placements INDEXED BY placements_by_object
    WHERE object_id IS NOT NULL AND (object_id, pid) > ($object, $inObject) ORDER BY object_id, pid LIMIT ${WINDOW}`;
  const rows = db.all<PlacedRow & { object_id: number; pid: number }>(
    `SELECT c.object_id, c.pid, ${PLACED} FROM (${window}) c
     CROSS JOIN vectors_waiting w ON w.model_id = $id AND w.pid = c.pid CROSS JOIN placements p ON p.pid = c.pid
     JOIN objects o ON o.object_id = c.object_id ORDER BY c.object_id, c.pid LIMIT $limit`,
    { id, object, inObject, limit },
  );
  const last =
    rows.length < limit
      ? db.get<{ object_id: number; pid: number }>(
          `SELECT object_id, pid FROM (${window}) LIMIT 1 OFFSET ${WINDOW - 1}`,
          { object, inObject },
        )
      : rows.at(-1);
  return {
    placed: rows.map(toPlaced),
    next: last === undefined ? null : { ...after, object: last.object_id, inObject: last.pid },
  };
}

/**
 * By row id: a row that was replaced since its text was read, or moved, is none of a placement's any more, and that placement goes on
 * waiting. So does everything where the model is not wanted any more. To an index a new vector is as much of a change as a new row.
 */
export function keepVectors(
  db: CatalogDatabase,
  model: string,
  vectors: readonly MadeVector[],
  now: number,
): void {
  db.transaction(() => {
    const id = wantedModelId(db, model);
    if (id === undefined) return;
    for (const { rowId, vector } of vectors) {
      db.run(
        `INSERT INTO vectors (model_id, pid, vector) SELECT $id, pid, vector8(vector32($vector)) FROM placements
         WHERE row_id = $rowId AND deleted = 0 ON CONFLICT DO UPDATE SET vector = excluded.vector`,
        { id, rowId, vector: bytesOf(vector) },
      );
    }
    db.run(
      `INSERT INTO changes (pid, row_id, what, at) SELECT p.pid, p.row_id, 'placed', $now
       FROM json_each($rowIds) r CROSS JOIN placements p ON p.row_id = r.value WHERE p.deleted = 0`,
      { rowIds: JSON.stringify(vectors.map(({ rowId }) => rowId)), now },
    );
    stopWaiting(
      db,
      model,
      vectors.map(({ rowId }) => rowId),
    );
  });
}

export function stopWaiting(db: CatalogDatabase, model: string, rowIds: readonly number[]): void {
  db.run(
    `DELETE FROM vectors_waiting WHERE model_id = (SELECT model_id FROM models WHERE name = $model) AND pid IN
       (SELECT p.pid FROM json_each($rowIds) r CROSS JOIN placements p ON p.row_id = r.value)`,
    { model, rowIds: JSON.stringify(rowIds) },
  );
}

/**
 * Exact cosine over the vectors of one model. All of them are read for each tier, about 0.4 s a million, and those of the tier compared, a
 * second a million. In order of placement, which is the order of both tables.
 */
export function searchMadeVectors(
  db: CatalogDatabase,
  input: { model: string; vector: Float32Array; tier: Tier; filters: SearchFilters; limit: number },
): Candidate[] {
  return db
    .all<CandidateRow>(
      `SELECT p.system_id, p.kind, p.memory_id, 1 - vector_distance_cos(v.vector, vector8(vector32($vector))) AS score
       FROM models m CROSS JOIN vectors v ON v.model_id = m.model_id CROSS JOIN placements p ON p.pid = v.pid
       WHERE m.name = $model AND m.role <> 'old' AND p.tier = $tier AND p.deleted = 0 AND ${FILTERED}
       ORDER BY score DESC, p.pid LIMIT $limit`,
      {
        model: input.model,
        tier: input.tier,
        vector: bytesOf(input.vector),
        ...filterParameters(input.filters),
        limit: input.limit,
      },
    )
    .map(toCandidate);
}

function bytesOf(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}
