import type { MemoryKey, UploadRef } from '../../../contract/index.js';
import type { PlacedMemory } from '../../store.js';
import type { CatalogDatabase } from './database.js';

const PLACED = `p.pid, p.system_id AS systemId, p.kind, p.memory_id AS memoryId, p.hash, p.upload_id AS uploadId, p.own_time AS ownTime,
  p.keeper_id AS keeperId, o.name AS keeper`;

export function placedPage(db: CatalogDatabase, after: number, limit: number): PlacedMemory[] {
  return db.all<PlacedMemory>(
    `SELECT ${PLACED} FROM placements p JOIN objects o ON o.object_id = p.keeper_id
     WHERE p.pid > $after ORDER BY p.pid LIMIT $limit`,
    { after, limit },
  );
}

export function placedOf(db: CatalogDatabase, keys: readonly MemoryKey[]): PlacedMemory[] {
  return db.all<PlacedMemory>(
    `SELECT ${PLACED} FROM json_each($keys) k JOIN placements p ON p.system_id = k.value ->> 'systemId'
       AND p.kind = k.value ->> 'kind' AND p.memory_id = k.value ->> 'memoryId' JOIN objects o ON o.object_id = p.keeper_id`,
    { keys: JSON.stringify(keys) },
  );
}

export function objectsOnRecord(db: CatalogDatabase, names: readonly string[], upTo: number): string[] {
  return db
    .all<{ name: string }>(
      `SELECT name FROM objects WHERE name IN (SELECT value FROM json_each($names)) AND object_id <= $upTo`,
      { names: JSON.stringify(names), upTo },
    )
    .map(({ name }) => name);
}

export function pendingAmong(db: CatalogDatabase, uploads: readonly UploadRef[]): UploadRef[] {
  return db.all<UploadRef>(
    `SELECT DISTINCT u.system_id AS systemId, u.upload_id AS uploadId FROM json_each($uploads) r
     JOIN uploads u ON u.system_id = r.value ->> 'systemId' AND u.upload_id = r.value ->> 'uploadId' WHERE u.state = 'pending'`,
    { uploads: JSON.stringify(uploads) },
  );
}

/** Memories of this own time and before may have expired. */
export function expiryCutoff(db: CatalogDatabase): number {
  return db.number('SELECT coalesce(max(cutoff), $never) FROM expiries', { never: Number.MIN_SAFE_INTEGER });
}
