import type { Kind, RepairableTier } from '../../../contract/index.js';
import type { ScrubObject } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { expiryCutoff } from './placed.js';
import { IDS_PER_EPOCH } from './schema.js';

/** A placement, and the row that it names. */
export interface PlacedRow {
  pid: number;
  rowId: number;
  systemId: string;
  kind: Kind;
  memoryId: string;
  hash: string;
  /** Milliseconds since 1970. */
  ownTime: number;
}

const PLACED_ROW = `p.pid, p.row_id AS rowId, p.system_id AS systemId, p.kind, p.memory_id AS memoryId, p.hash, p.own_time AS ownTime`;

export function lastObject(db: CatalogDatabase): number {
  return db.number('SELECT coalesce(max(object_id), 0) FROM objects');
}

export function objectsToScrub(
  db: CatalogDatabase,
  { after, upTo, limit }: { after: number; upTo: number; limit: number },
): ScrubObject[] {
  return db.all<ScrubObject>(
    `SELECT o.object_id AS objectId, o.name, o.kind, o.bytes, o.sha256 FROM objects o
     WHERE o.object_id > $after AND o.object_id <= $upTo AND EXISTS (SELECT 1 FROM placements p WHERE p.keeper_id = o.object_id)
     ORDER BY o.object_id LIMIT $limit`,
    { after, upTo, limit },
  );
}

export function keepsRows(db: CatalogDatabase, objectId: number): boolean {
  return (
    db.number('SELECT EXISTS (SELECT 1 FROM placements WHERE keeper_id = $objectId)', { objectId }) === 1
  );
}

/** A row that an object keeps; of a cold placement the one that is read. */
export interface KeptPlacement extends PlacedRow {
  isCold: 0 | 1;
}

export function keptPlacements(
  db: CatalogDatabase,
  { objectId, after, limit }: { objectId: number; after: number; limit: number },
): KeptPlacement[] {
  return db.all<KeptPlacement>(
    `SELECT ${PLACED_ROW}, p.tier = 'cold' AS isCold FROM placements p INDEXED BY placements_by_keeper
     WHERE p.keeper_id = $objectId AND p.pid > $after ORDER BY p.pid LIMIT $limit`,
    { objectId, after, limit },
  );
}

/** Of these the ones that name the same row of the same keeper as before. */
export function stillKept(
  db: CatalogDatabase,
  objectId: number,
  rows: readonly Pick<PlacedRow, 'pid' | 'rowId'>[],
): number[] {
  return db
    .all<{ pid: number }>(
      `SELECT p.pid FROM json_each($rows) r JOIN placements p ON p.pid = r.value ->> 'pid' AND p.row_id = r.value ->> 'rowId'
       WHERE p.keeper_id = $objectId`,
      { objectId, rows: JSON.stringify(rows) },
    )
    .map(({ pid }) => pid);
}

/** A period of a tier's own times, from inclusive to until exclusive. */
export interface Period {
  tier: RepairableTier;
  from: number;
  until: number;
}

/** Placements of a period whose row ids lie behind `after`, up to `upTo`, in their order. */
export function placedBetween(
  db: CatalogDatabase,
  { tier, from, until, after, upTo, limit }: Period & { after: number; upTo: number; limit: number },
): PlacedRow[] {
  return db.all<PlacedRow>(
    `SELECT ${PLACED_ROW} FROM placements p INDEXED BY placements_by_row
     WHERE p.row_id > $after AND p.row_id <= $upTo AND p.tier = $tier AND p.own_time >= $from AND p.own_time < $until
     ORDER BY p.row_id LIMIT $limit`,
    { tier, from, until, after, upTo, limit },
  );
}

/** Placements of a period, whatever their row ids. */
export function placedWithin(
  db: CatalogDatabase,
  { tier, from, until, limit }: Period & { limit: number },
): PlacedRow[] {
  return db.all<PlacedRow>(
    `SELECT ${PLACED_ROW} FROM placements p INDEXED BY placements_by_age
     WHERE p.tier = $tier AND p.own_time >= $from AND p.own_time < $until ORDER BY p.own_time, p.pid LIMIT $limit`,
    { tier, from, until, limit },
  );
}

/** Of these the ones that name the same row of the same tier as before. */
export function stillPlaced(
  db: CatalogDatabase,
  tier: RepairableTier,
  rows: readonly Pick<PlacedRow, 'pid' | 'rowId'>[],
): number[] {
  return db
    .all<{ pid: number }>(
      `SELECT p.pid FROM json_each($rows) r JOIN placements p ON p.pid = r.value ->> 'pid' AND p.row_id = r.value ->> 'rowId'
       WHERE p.tier = $tier`,
      { tier, rows: JSON.stringify(rows) },
    )
    .map(({ pid }) => pid);
}

/** A row that stands, with the operation that wrote it. */
export interface StandingKey {
  rowId: number;
  opId: number;
  systemId: string;
  kind: Kind;
  memoryId: string;
  /** Milliseconds since 1970. */
  ownTime: number;
}

/**
 * Row ids of those whose memory has no placement though their operation was committed. A replaced version, and what an attempt left, is garbage
 * that the sweep takes: there the memory has a placement, or the operation was never committed. What is being forgotten goes, and what has expired. An operation
 * of an earlier epoch was committed: a rebuild writes only rows that it places, and no operation of its own.
 */
export function unplacedRows(db: CatalogDatabase, rows: readonly StandingKey[]): number[] {
  const epoch = db.number(`SELECT value FROM meta WHERE key = 'epoch'`) * IDS_PER_EPOCH;
  return db
    .all<{ id: number }>(
      `SELECT r.value ->> 'rowId' AS id FROM json_each($rows) r
       WHERE NOT EXISTS (SELECT 1 FROM placements p WHERE p.system_id = r.value ->> 'systemId' AND p.kind = r.value ->> 'kind'
           AND p.memory_id = r.value ->> 'memoryId')
         AND (EXISTS (SELECT 1 FROM operations o WHERE o.op_id = r.value ->> 'opId' AND o.state = 'committed') OR
           (r.value ->> 'opId' <= $epoch AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.op_id = r.value ->> 'opId')))
         AND NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.system_id IN (r.value ->> 'systemId', '') AND t.state = 'standing')
         AND r.value ->> 'ownTime' > $expired`,
      { rows: JSON.stringify(rows), epoch, expired: expiryCutoff(db) },
    )
    .map(({ id }) => id);
}
