import { AkoshaError } from '../../../contract/index.js';
import type { ModelNames, VectorModel } from '../../store.js';
import type { CatalogDatabase } from './database.js';

/** The models whose vectors the catalog has; see `VectorStore`. */
export function modelNames(db: CatalogDatabase): ModelNames {
  const current = modelOf(db, 'current');
  if (current === undefined)
    throw new AkoshaError('StoreDamaged', 'catalog.db names no current embedding model');
  return {
    current: current.name,
    next: modelOf(db, 'next')?.name ?? null,
    old: modelOf(db, 'old') !== undefined,
  };
}

export function vectorModels(db: CatalogDatabase): VectorModel[] {
  return db.all<VectorModel>(
    `SELECT name, role, since, total, (SELECT count(*) FROM vectors_waiting w WHERE w.model_id = m.model_id) AS waiting
     FROM models m WHERE role <> 'old' ORDER BY role`,
  );
}

/** The model that a new catalog begins with, or one from before there were models: each of its memories is looked at once. */
export function ensureModel(db: CatalogDatabase, name: string, now: number): void {
  db.transaction(() => {
    if (modelOf(db, 'current') === undefined) giveRole(db, name, 'current', now);
  });
}

export function beginModelMove(db: CatalogDatabase, name: string, now: number): void {
  db.transaction(() => {
    const next = modelOf(db, 'next');
    if (next?.name === name) return;
    if (modelOf(db, 'current')?.name === name) {
      if (next !== undefined) retire(db, next.model_id);
      return;
    }
    if (next !== undefined) {
      throw new AkoshaError(
        'BadRequest',
        `the store is being moved to ${next.name}: wait for it, or give it up by moving back to the current model`,
      );
    }
    giveRole(db, name, 'next', now);
  });
}

export function finishModelMove(db: CatalogDatabase, now: number, lost: number): boolean {
  return db.transaction(() => {
    const next = modelOf(db, 'next');
    if (next === undefined) return false;
    const id = next.model_id;
    // Looks no further than it must: a million may wait.
    const more = 'SELECT EXISTS (SELECT 1 FROM vectors_waiting WHERE model_id = $id LIMIT 1 OFFSET $lost)';
    if (db.number(more, { id, lost }) === 1) return false;
    const current = modelOf(db, 'current');
    if (current !== undefined) retire(db, current.model_id);
    db.run(`UPDATE models SET role = 'current', since = $now WHERE model_id = $id`, { id, now });
    return true;
  });
}

/** A part, so that other writers come in between: a million vectors at once take seconds. */
export function deleteOldVectors(db: CatalogDatabase, limit: number): number {
  return db.transaction(() => {
    const old = modelOf(db, 'old');
    if (old === undefined) return 0;
    const id = old.model_id;
    const deleted = db.run(
      `DELETE FROM vectors WHERE model_id = $id AND pid IN (SELECT pid FROM vectors WHERE model_id = $id LIMIT $limit)`,
      { id, limit },
    );
    if (deleted === 0) db.run('DELETE FROM models WHERE model_id = $id', { id });
    return deleted;
  });
}

/** The id of a model that vectors are wanted of; undefined for one that is none any more. */
export function wantedModelId(db: CatalogDatabase, name: string): number | undefined {
  return db.get<{ model_id: number }>(`SELECT model_id FROM models WHERE name = $name AND role <> 'old'`, {
    name,
  })?.model_id;
}

interface ModelRow {
  model_id: number;
  name: string;
}

function modelOf(db: CatalogDatabase, role: VectorModel['role'] | 'old'): ModelRow | undefined {
  return db.get<ModelRow>('SELECT model_id, name FROM models WHERE role = $role ORDER BY model_id LIMIT 1', {
    role,
  });
}

/**
 * All that it has no vector of waits: a million rows take about a second, once for each move, in which no upload can commit. One that was
 * given up, and whose vectors are not all deleted yet, goes on with what there is.
 */
function giveRole(db: CatalogDatabase, name: string, role: VectorModel['role'], now: number): void {
  db.run(
    `INSERT INTO models (name, role, since, total)
     VALUES ($name, $role, $now, (SELECT count(*) FROM placements WHERE deleted = 0))
     ON CONFLICT (name) DO UPDATE SET role = excluded.role, since = excluded.since, total = excluded.total`,
    { name, role, now },
  );
  db.run(
    `INSERT INTO vectors_waiting (model_id, pid) SELECT m.model_id, p.pid FROM models m CROSS JOIN placements p
     WHERE m.name = $name AND p.deleted = 0
       AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.model_id = m.model_id AND v.pid = p.pid)`,
    { name },
  );
}

function retire(db: CatalogDatabase, id: number): void {
  db.run(`UPDATE models SET role = 'old' WHERE model_id = $id`, { id });
  db.run('DELETE FROM vectors_waiting WHERE model_id = $id', { id });
}
