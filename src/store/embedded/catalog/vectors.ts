import type { Tier } from '../../../contract/index.js';
import type { Candidate, MadeVector, SearchFilters } from '../../store.js';
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

/** What waits for vectors of a model, in order of placement. */
export function waitingPlacements(
  db: CatalogDatabase,
  { model, after, limit }: { model: string; after: number; limit: number },
): { placed: Placed[]; next: number | null } {
  const rows = db.all<PlacedRow & { pid: number }>(
    `SELECT w.pid, ${PLACED} FROM models m JOIN vectors_waiting w ON w.model_id = m.model_id AND w.pid > $after
     CROSS JOIN placements p ON p.pid = w.pid LEFT JOIN objects o ON o.object_id = p.object_id
     WHERE m.name = $model ORDER BY w.pid LIMIT $limit`,
    { model, after, limit },
  );
  const last = rows.at(-1);
  return {
    placed: rows.map(toPlaced),
    next: last === undefined || rows.length < limit ? null : last.pid,
  };
}

/**
 * By row id: a row that was replaced since its text was read, or moved, is none of a placement's any more, and that placement goes on
 * waiting. So does everything where the model is not wanted any more.
 */
export function keepVectors(db: CatalogDatabase, model: string, vectors: readonly MadeVector[]): void {
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
