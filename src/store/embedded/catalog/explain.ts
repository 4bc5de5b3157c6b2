import type { HeldRows, MemoryKey, Tier, UploadState } from '../../../contract/index.js';
import type { MemoryEvent, NamedObject, Pin } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { pinsOf } from './pins.js';

/** What the catalog knows of where a memory is. */
export interface ExplainedPlacement {
  tier: Tier;
  rowId: number;
  hash: string;
  order: number;
  uploadId: string;
  uploadState: UploadState;
  ingestedAt: number | null;
  deleted: boolean;
  ownTime: number;
  project: string | null;
  object: NamedObject | null;
  keeper: NamedObject;
  pins: Pin[];
  held: { reason: HeldRows['reason'] | null; until: number } | null;
  moving: { opId: number; leaseUntil: number } | null;
  history: MemoryEvent[];
}

interface Row {
  pid: number;
  row_id: number;
  hash: string;
  ord: number;
  upload_id: string;
  deleted: 0 | 1;
  tier: Tier;
  object_id: number | null;
  keeper_id: number;
  own_time: number;
  project: string | null;
}

/** Undefined for a key without a placement. */
export function explainPlacement(
  db: CatalogDatabase,
  { key, now }: { key: MemoryKey; now: number },
): ExplainedPlacement | undefined {
  const { systemId, kind, memoryId } = key;
  const row = db.get<Row>(
    `SELECT pid, row_id, hash, ord, upload_id, deleted, tier, object_id, keeper_id, own_time, project FROM placements
     WHERE system_id = $systemId AND kind = $kind AND memory_id = $memoryId`,
    { systemId, kind, memoryId },
  );
  if (row === undefined) return undefined;
  const { pid, row_id: rowId, upload_id: uploadId } = row;
  const upload = db.get<{ state: UploadState; committed_at: number | null }>(
    'SELECT state, committed_at FROM uploads WHERE system_id = $systemId AND upload_id = $uploadId',
    { systemId, uploadId },
  );
  const moving = db.get<{ op_id: number; lease_until: number }>(
    'SELECT o.op_id, o.lease_until FROM batch_rows b JOIN operations o ON o.op_id = b.op_id WHERE b.pid = $pid',
    { pid },
  );
  return {
    tier: row.tier,
    rowId,
    hash: row.hash,
    order: row.ord,
    uploadId,
    // A rebuilt ledger has every upload that placed something; one without a row could only be done.
    uploadState: upload?.state ?? 'done',
    ingestedAt: upload?.committed_at ?? null,
    deleted: row.deleted === 1,
    ownTime: row.own_time,
    project: row.project,
    object: row.object_id === null ? null : namedObject(db, row.object_id),
    keeper: namedObject(db, row.keeper_id),
    pins: pinsOf(db, key, now),
    held:
      db.get<{ reason: HeldRows['reason'] | null; until: number }>(
        'SELECT reason, until FROM held_rows WHERE pid = $pid AND row_id = $rowId AND until > $now',
        { pid, rowId, now },
      ) ?? null,
    moving: moving === undefined ? null : { opId: moving.op_id, leaseUntil: moving.lease_until },
    // Of a week, and read from end to end: a person asks, and rarely.
    history: db.all<MemoryEvent>(
      'SELECT at, what, row_id AS rowId FROM changes WHERE pid = $pid ORDER BY seq',
      { pid },
    ),
  };
}

function namedObject(db: CatalogDatabase, id: number): NamedObject {
  const object = db.get<NamedObject>('SELECT name, kind, bytes FROM objects WHERE object_id = $id', { id });
  // The schema's foreign key.
  if (object === undefined) throw new Error(`a placement names object ${id}, which is not on record`);
  return object;
}

/** Rows of a system and month that are due for cold, and the oldest of them: whether a small cold object is written depends on these. */
export function partitionDue(
  db: CatalogDatabase,
  { systemId, from, until, cutoff }: { systemId: string; from: number; until: number; cutoff: number },
): { rows: number; oldest: number | null } {
  const found = db.get<{ rows: number; oldest: number | null }>(
    `SELECT count(*) AS rows, min(own_time) AS oldest FROM placements INDEXED BY placements_by_system_age
     WHERE tier = 'warm' AND system_id = $systemId AND own_time >= $from AND own_time < $until AND own_time <= $cutoff`,
    { systemId, from, until, cutoff },
  );
  return found ?? { rows: 0, oldest: null };
}
