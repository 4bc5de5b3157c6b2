import type { Kind, RowCounts, UploadRef } from '../../../contract/index.js';
import type { FoundUpload, UploadRecord, UploadState } from '../../store.js';
import type { CatalogDatabase } from './database.js';

interface UploadRow {
  system_id: string;
  upload_id: string;
  ord: number;
  state: UploadState;
  manifest_sha256: string;
  created_at: number;
  committed_at: number | null;
  files: string;
  covers: string;
  reader: string | null;
  reason: string | null;
  rows_new: number;
  rows_changed: number;
  rows_unchanged: number;
  rows_refused: number;
  rows_superseded: number;
  rows_absent: number;
}

/** Queues uploads that are not known yet, and returns those. A known id keeps its row, whatever is found under it now. */
export function registerUploads(
  db: CatalogDatabase,
  found: readonly FoundUpload[],
  now: number,
): UploadRef[] {
  return db.transaction(() => found.filter((upload) => registerOne(db, upload, now)).map(refOf));
}

function registerOne(db: CatalogDatabase, upload: FoundUpload, now: number): boolean {
  db.run(`INSERT INTO systems (system_id, first_seen_at) VALUES ($system, $now) ON CONFLICT DO NOTHING`, {
    system: upload.systemId,
    now,
  });
  const added = db.run(
    `INSERT INTO uploads (system_id, upload_id, ord, state, manifest_sha256, created_at, registered_at, reason)
     VALUES ($system, $upload, $order, $state, $manifest, $created, $now, $reason) ON CONFLICT DO NOTHING`,
    {
      system: upload.systemId,
      upload: upload.uploadId,
      order: upload.order,
      state: upload.quarantine === undefined ? 'pending' : 'quarantined',
      manifest: upload.manifestSha256,
      created: upload.createdAt,
      now,
      reason: upload.quarantine ?? null,
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
  db.run(`DELETE FROM gaps WHERE system_id = $system AND ord = $order`, {
    system: upload.systemId,
    order: upload.order,
  });
  if (upload.previousOrder === null) return;
  db.run(
    `INSERT INTO gaps SELECT $system, $previous
     WHERE NOT EXISTS (SELECT 1 FROM uploads WHERE system_id = $system AND ord = $previous) ON CONFLICT DO NOTHING`,
    { system: upload.systemId, previous: upload.previousOrder },
  );
}

/** Which of these ids the catalog knows, with their states. */
export function knownUploads(
  db: CatalogDatabase,
  refs: readonly UploadRef[],
): { ref: UploadRef; state: UploadState }[] {
  return db
    .all<UploadRow>(
      `SELECT u.* FROM json_each($refs) r
       JOIN uploads u ON u.system_id = r.value ->> 'systemId' AND u.upload_id = r.value ->> 'uploadId'`,
      { refs: JSON.stringify(refs) },
    )
    .map((row) => ({ ref: { systemId: row.system_id, uploadId: row.upload_id }, state: row.state }));
}

/**
 * The upload of a system to work on next. One whose receipt is due comes first, because no later one may commit before
 * it; then pending ones by order.
 */
export function nextUpload(db: CatalogDatabase, systemId: string): UploadRecord | undefined {
  const row = db.get<UploadRow>(
    `SELECT * FROM uploads WHERE system_id = $system AND state IN ('pending', 'committed', 'receipted')
     ORDER BY state = 'pending', ord LIMIT 1`,
    { system: systemId },
  );
  return row && toRecord(row);
}

export function getUpload(db: CatalogDatabase, ref: UploadRef): UploadRecord | undefined {
  const row = db.get<UploadRow>(
    `SELECT * FROM uploads WHERE system_id = $systemId AND upload_id = $uploadId`,
    {
      ...ref,
    },
  );
  return row && toRecord(row);
}

/** Systems with work in the queue, the longest waiting first. */
export function unfinishedSystems(db: CatalogDatabase, limit: number): string[] {
  return db
    .all<{ system_id: string }>(
      `SELECT system_id FROM uploads WHERE state IN ('pending', 'committed', 'receipted')
       GROUP BY system_id ORDER BY min(registered_at) LIMIT $limit`,
      { limit },
    )
    .map((row) => row.system_id);
}

/** How many uploads queued by then are still on their way: neither done nor quarantined. */
export function countUnfinished(db: CatalogDatabase, registeredBefore: number): number {
  return db.number(
    `SELECT count(*) FROM uploads WHERE state IN ('pending', 'committed', 'receipted') AND registered_at <= $before`,
    { before: registeredBefore },
  );
}

/** Moves an upload one state on; a second call changes nothing. */
export function advanceUpload(db: CatalogDatabase, ref: UploadRef, from: UploadState, to: UploadState): void {
  db.run(
    `UPDATE uploads SET state = $to WHERE system_id = $systemId AND upload_id = $uploadId AND state = $from`,
    {
      ...ref,
      from,
      to,
    },
  );
}

export function quarantineUpload(db: CatalogDatabase, ref: UploadRef, reason: string): void {
  db.run(
    `UPDATE uploads SET state = 'quarantined', reason = $reason
     WHERE system_id = $systemId AND upload_id = $uploadId AND state = 'pending'`,
    { ...ref, reason },
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
  };
  const rows = db.all<{ state: UploadState; n: number }>(
    `SELECT state, count(*) AS n FROM uploads GROUP BY state`,
  );
  for (const { state, n } of rows) counts[state] = n;
  return counts;
}

function toRecord(row: UploadRow): UploadRecord {
  const rows: RowCounts = {
    new: row.rows_new,
    changed: row.rows_changed,
    unchanged: row.rows_unchanged,
    refused: row.rows_refused,
    superseded: row.rows_superseded,
    absent: row.rows_absent,
  };
  return {
    systemId: row.system_id,
    uploadId: row.upload_id,
    order: row.ord,
    state: row.state,
    manifestSha256: row.manifest_sha256,
    createdAt: row.created_at,
    committedAt: row.committed_at,
    files: JSON.parse(row.files) as UploadRecord['files'],
    covers: JSON.parse(row.covers) as Kind[],
    reader: row.reader,
    reason: row.reason,
    rows,
  };
}

function refOf({ systemId, uploadId }: UploadRef): UploadRef {
  return { systemId, uploadId };
}
