import {
  expiredOf,
  type Kind,
  type RowCounts,
  type SystemId,
  type UploadRef,
  type UploadState,
} from '../../../contract/index.js';
import type {
  Dropped,
  FoundUpload,
  KnownUpload,
  SystemName,
  UploadRecord,
  UploadsToForget,
} from '../../store.js';
import { againOf, type AgainRow } from './again.js';
import type { CatalogDatabase } from './database.js';

export interface UploadRow extends AgainRow {
  system_id: string;
  upload_id: string;
  system_folder: string | null;
  upload_folder: string | null;
  ord: number;
  state: UploadState;
  manifest_sha256: string;
  created_at: number;
  registered_at: number;
  committed_at: number | null;
  quarantined_at: number | null;
  dropped_at: number | null;
  dropped_by: string | null;
  drop_reason: string | null;
  attempts: number;
  files: string;
  mirrors: string;
  reader: string | null;
  reason: string | null;
  rows_new: number;
  rows_changed: number;
  rows_unchanged: number;
  rows_refused: number;
  rows_superseded: number;
  rows_absent: number;
  rows_deleted: number;
  rows_expired: number;
  forgotten_rows: number;
  forgotten_at: number | null;
}

/**
 * Queues uploads that are not known yet, and returns those. A known id, or place, keeps its row, whatever is found under it now.
 */
export function registerUploads(
  db: CatalogDatabase,
  found: readonly FoundUpload[],
  now: number,
): UploadRef[] {
  return db.transaction(() => found.filter((upload) => registerOne(db, upload, now)).map(refOf));
}

function registerOne(db: CatalogDatabase, upload: FoundUpload, now: number): boolean {
  db.run(
    `INSERT INTO systems (system_id, name) VALUES ($system, $name)
     ON CONFLICT DO UPDATE SET name = excluded.name WHERE name IS NULL AND excluded.name IS NOT NULL`,
    { system: upload.systemId, name: upload.systemName ?? null },
  );
  const added = db.run(
    `INSERT INTO uploads (system_id, upload_id, system_folder, upload_folder, ord, state, manifest_sha256, created_at,
       registered_at)
     VALUES ($system, $upload, $systemFolder, $uploadFolder, $order, 'pending', $manifest, $created, $now)
     ON CONFLICT DO NOTHING`,
    {
      system: upload.systemId,
      upload: upload.uploadId,
      systemFolder: upload.place?.systemId ?? null,
      uploadFolder: upload.place?.uploadId ?? null,
      order: upload.order,
      manifest: upload.manifestSha256,
      created: upload.createdAt,
      now,
    },
  );
  if (added === 0) return false;
  trackGaps(db, upload);
  return true;
}

/**
 * A manifest names its predecessor's order. Until that has arrived, unchanged rows above it are written again, so that the
 * late one cannot replace them.
 */
function trackGaps(db: CatalogDatabase, upload: FoundUpload): void {
  // A part of an order's rows leaves it open: the rest may come late, or never.
  const sql =
    upload.partial === true
      ? `INSERT INTO gaps VALUES ($system, $order) ON CONFLICT DO NOTHING`
      : `DELETE FROM gaps WHERE system_id = $system AND ord = $order`;
  db.run(sql, { system: upload.systemId, order: upload.order });
  if (upload.previousOrder === null) return;
  db.run(
    `INSERT INTO gaps SELECT $system, $previous
     WHERE NOT EXISTS (SELECT 1 FROM uploads WHERE system_id = $system AND ord = $previous) ON CONFLICT DO NOTHING`,
    { system: upload.systemId, previous: upload.previousOrder },
  );
}

/** Which of these places the catalog knows, with what lies there and its state. */
export function knownUploads(db: CatalogDatabase, places: readonly UploadRef[]): KnownUpload[] {
  return db
    .all<UploadRow>(
      `SELECT u.* FROM json_each($places) p
       JOIN uploads u ON u.system_id = p.value ->> 'systemId' AND u.upload_id = p.value ->> 'uploadId'
       WHERE u.system_folder IS NULL
       UNION ALL
       SELECT u.* FROM json_each($places) p
       JOIN uploads u ON u.system_folder = p.value ->> 'systemId' AND u.upload_folder = p.value ->> 'uploadId'`,
      { places: JSON.stringify(places) },
    )
    .map((row) => ({ place: placeOf(row), ref: idsOf(row), state: row.state }));
}

/** Each part of these reads an index of its own, which holds what waits and not the ledger. */
const UNFINISHED = `SELECT system_id, upload_id, registered_at FROM uploads WHERE state IN ('pending', 'committed', 'receipted')
  UNION ALL SELECT system_id, upload_id, registered_at FROM uploads WHERE again_requested_at IS NOT NULL`;

/**
 * The upload of a system to work on next. One whose receipt is due comes first, because no later one may commit before
 * it; then by order, and of one order by id, those that are pending and those to be ingested again.
 */
export function nextUpload(db: CatalogDatabase, systemId: string): UploadRecord | undefined {
  const row = db.get<UploadRow>(
    `SELECT u.* FROM (SELECT system_id, upload_id, state IN ('committed', 'receipted') AS due, ord FROM uploads
         WHERE system_id = $system AND state IN ('pending', 'committed', 'receipted')
       UNION ALL SELECT system_id, upload_id, 0, ord FROM uploads WHERE system_id = $system AND again_requested_at IS NOT NULL
       ORDER BY due DESC, ord, upload_id LIMIT 1) next
     JOIN uploads u ON u.system_id = next.system_id AND u.upload_id = next.upload_id`,
    { system: systemId },
  );
  return row && toRecord(row);
}

export function getUpload(db: CatalogDatabase, ref: UploadRef): UploadRecord | undefined {
  const row = db.get<UploadRow>(
    `SELECT * FROM uploads WHERE system_id = $systemId AND upload_id = $uploadId`,
    { ...refOf(ref) },
  );
  return row && toRecord(row);
}

export function greatestOrder(db: CatalogDatabase, systemId: string): number {
  return db.number(`SELECT coalesce(max(ord), 0) FROM uploads WHERE system_id = $system`, {
    system: systemId,
  });
}

/** Systems with work in the queue, the longest waiting first. */
export function unfinishedSystems(db: CatalogDatabase, limit: number): string[] {
  return db
    .all<{ system_id: string }>(
      `SELECT system_id FROM (${UNFINISHED})
       GROUP BY system_id ORDER BY min(registered_at) LIMIT $limit`,
      { limit },
    )
    .map((row) => row.system_id);
}

/** How many uploads queued by then are still on their way: neither done, or being ingested again, nor quarantined. */
export function countUnfinished(db: CatalogDatabase, registeredBefore: number): number {
  return db.number(`SELECT count(*) FROM (${UNFINISHED}) WHERE registered_at <= $before`, {
    before: registeredBefore,
  });
}

/** Moves an upload one state on; a second call changes nothing. */
export function advanceUpload(db: CatalogDatabase, ref: UploadRef, from: UploadState, to: UploadState): void {
  db.run(
    `UPDATE uploads SET state = $to WHERE system_id = $systemId AND upload_id = $uploadId AND state = $from`,
    { ...refOf(ref), from, to },
  );
}

/** Its raw files are gone, because of something forgotten; its receipt stands. */
export function markForgotten(db: CatalogDatabase, ref: UploadRef, now: number): void {
  db.run(
    `UPDATE uploads SET forgotten_at = coalesce(forgotten_at, $now), raw_left = 'names', state = CASE state WHEN 'done' THEN 'raw_gone' ELSE state END
     WHERE system_id = $systemId AND upload_id = $uploadId`,
    { ...refOf(ref), now },
  );
}

/**
 * Those of which something may stand, in order of their ids: of what was ingested or given up by `before`, because what was since has been
 * without what is forgotten. What waits for nobody in quarantine goes whenever it was. Where retention took the files, what it kept may
 * be a receipt by which the host would not send again what is forgotten, or files that a process which died left behind.
 */
export function uploadsToForget(
  db: CatalogDatabase,
  { systemId, before, givenUp, after, limit }: UploadsToForget,
): UploadRef[] {
  const places =
    systemId === null
      ? '(system_id, upload_id) > ($afterSystem, $afterUpload)'
      : 'system_id = $system AND upload_id > $afterUpload';
  return db
    .all<{ system_id: string; upload_id: string }>(
      `SELECT system_id, upload_id FROM uploads WHERE ${places} AND forgotten_at IS NULL
         AND (((state IN ('done', 'dropped') OR (state = 'raw_gone' AND raw_left <> 'nothing'))
             AND coalesce(committed_at, quarantined_at, dropped_at, 0) <= $before)
           OR ($givenUp = 1 AND state IN ('quarantined', 'dropped')))
       ORDER BY system_id, upload_id LIMIT $limit`,
      {
        ...(systemId === null ? { afterSystem: after.systemId } : { system: systemId }),
        before,
        givenUp: Number(givenUp),
        afterUpload: after.uploadId,
        limit,
      },
    )
    .map(idsOf);
}

/** Systems whose name is not their id. */
export function renamedSystems(db: CatalogDatabase, limit: number, systemId?: SystemId): SystemName[] {
  return db.all<SystemName>(
    `SELECT system_id AS systemId, name FROM systems
     WHERE name IS NOT NULL AND ($system IS NULL OR system_id = $system) ORDER BY system_id LIMIT $limit`,
    { limit, system: systemId ?? null },
  );
}

export function countStates(db: CatalogDatabase): Record<UploadState, number> {
  const counts: Record<UploadState, number> = {
    pending: 0,
    committed: 0,
    receipted: 0,
    done: 0,
    raw_gone: 0,
    quarantined: 0,
    dropped: 0,
  };
  const rows = db.all<{ state: UploadState; n: number }>(
    `SELECT state, count(*) AS n FROM uploads GROUP BY state`,
  );
  for (const { state, n } of rows) counts[state] = n;
  return counts;
}

export function toRecord(row: UploadRow): UploadRecord {
  const rows: RowCounts = {
    new: row.rows_new,
    changed: row.rows_changed,
    unchanged: row.rows_unchanged,
    refused: row.rows_refused,
    superseded: row.rows_superseded,
    absent: row.rows_absent,
    deleted: row.rows_deleted,
    ...expiredOf(row.rows_expired),
  };
  return {
    systemId: row.system_id,
    uploadId: row.upload_id,
    place: placeOf(row),
    order: row.ord,
    state: row.state,
    manifestSha256: row.manifest_sha256,
    createdAt: row.created_at,
    registeredAt: row.registered_at,
    committedAt: row.committed_at,
    quarantinedAt: row.quarantined_at,
    dropped: droppedOf(row),
    attempts: row.attempts,
    again: againOf(row),
    files: JSON.parse(row.files) as UploadRecord['files'],
    mirrors: JSON.parse(row.mirrors) as Kind[],
    reader: row.reader,
    reason: row.reason,
    rows,
    forgottenRows: row.forgotten_rows,
    forgottenAt: row.forgotten_at,
  };
}

function droppedOf({ dropped_at: at, dropped_by: by, drop_reason: reason }: UploadRow): Dropped | null {
  return at === null ? null : { at, by: by ?? '', reason: reason ?? '' };
}

function idsOf(row: Pick<UploadRow, 'system_id' | 'upload_id'>): UploadRef {
  return { systemId: row.system_id, uploadId: row.upload_id };
}

function placeOf(row: UploadRow): UploadRef {
  return { systemId: row.system_folder ?? row.system_id, uploadId: row.upload_folder ?? row.upload_id };
}

export function refOf({ systemId, uploadId }: UploadRef): UploadRef {
  return { systemId, uploadId };
}
