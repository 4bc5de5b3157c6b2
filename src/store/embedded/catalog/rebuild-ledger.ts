import type { UploadRef } from '../../../contract/index.js';
import type { Receipt } from '../../../memory/index.js';
import type { FoundReceipt, StandingUpload } from '../../rebuild.js';
import type { CatalogDatabase } from './database.js';

export function noteUploads(db: CatalogDatabase, standing: readonly StandingUpload[]): void {
  db.run(
    `INSERT INTO rebuild_uploads (system_folder, upload_folder, manifest, receipt_at)
     SELECT value ->> '$.place.systemId', value ->> '$.place.uploadId', value ->> 'hasManifest', value ->> 'receiptAt'
     FROM json_each($standing) WHERE true
     ON CONFLICT DO UPDATE SET manifest = max(manifest, excluded.manifest), receipt_at = coalesce(excluded.receipt_at, receipt_at)`,
    { standing: JSON.stringify(standing) },
  );
}

/** Of an upload `u`: what was noted of its place. */
const NOTED = `SELECT 1 FROM rebuild_uploads r WHERE r.system_folder = coalesce(u.system_folder, u.system_id)
  AND r.upload_folder = coalesce(u.upload_folder, u.upload_id)`;

/**
 * What stands complete without a receipt is to be ingested, whatever a backup says of it: a retry took the receipt away, or a commit whose
 * receipt was due. What was given up stays given up. What stands no more, retention took since the backup.
 */
export function settleUploads(db: CatalogDatabase): void {
  db.transaction(() => {
    db.run(
      `DELETE FROM uploads AS u WHERE u.state <> 'dropped' AND EXISTS (${NOTED} AND r.manifest = 1 AND r.receipt_at IS NULL)`,
    );
    db.run(
      `UPDATE uploads AS u SET state = 'raw_gone' WHERE u.state <> 'raw_gone' AND NOT EXISTS (${NOTED} AND r.manifest = 1)`,
    );
  });
}

interface PlaceRow {
  system_folder: string;
  upload_folder: string;
}

/** The upload on record at a place `r`. Its folders are its ids in nearly all cases, and each of the two has an index. */
const KNOWN = `(EXISTS (SELECT 1 FROM uploads u WHERE u.system_id = r.system_folder AND u.upload_id = r.upload_folder
    AND u.system_folder IS NULL AND %) OR
  EXISTS (SELECT 1 FROM uploads u WHERE u.system_folder = r.system_folder AND u.upload_folder = r.upload_folder AND %))`;

function known(where: string): string {
  return KNOWN.replaceAll('%', where);
}

function placesWhere(
  db: CatalogDatabase,
  where: string,
  { after, limit }: { after: UploadRef | null; limit: number },
): UploadRef[] {
  return db
    .all<PlaceRow>(
      `SELECT system_folder, upload_folder FROM rebuild_uploads r
       WHERE (system_folder, upload_folder) > ($system, $upload) AND ${where}
       ORDER BY system_folder, upload_folder LIMIT $limit`,
      { system: after?.systemId ?? '', upload: after?.uploadId ?? '', limit },
    )
    .map((row) => ({ systemId: row.system_folder, uploadId: row.upload_folder }));
}

export function unknownPlaces(db: CatalogDatabase, after: UploadRef | null, limit: number): UploadRef[] {
  return placesWhere(db, `r.manifest = 1 AND NOT ${known('1')}`, { after, limit });
}

/**
 * How far the clock of the object store may be behind ours: for so long before a backup a receipt may be later than what the backup has of its
 * upload. It costs a request for each upload of that hour.
 */
const CLOCK_SLACK_MS = 3_600_000;

/** Receipts of what is in no backup, or was put since. */
export function untoldReceipts(db: CatalogDatabase, after: UploadRef | null, limit: number): UploadRef[] {
  return placesWhere(
    db,
    `r.receipt_at IS NOT NULL AND (${known(`u.state = 'pending'`)} OR (r.manifest = 0 AND NOT ${known('1')})
       OR r.receipt_at >= (SELECT value - ${CLOCK_SLACK_MS} FROM meta WHERE key = 'rebuild_backup_at'))`,
    { after, limit },
  );
}

export function adoptReceipts(db: CatalogDatabase, receipts: readonly FoundReceipt[]): void {
  db.transaction(() => {
    for (const found of receipts) adoptReceipt(db, found);
  });
}

function adoptReceipt(db: CatalogDatabase, { place, receipt }: FoundReceipt): void {
  const { system_id: system, upload_id: upload } = receipt;
  const at = Date.parse(receipt.ingested_at);
  db.run(`INSERT INTO systems (system_id) VALUES ($system) ON CONFLICT DO NOTHING`, { system });
  // Where the manifest went before its receipt did, the receipt alone tells of the upload.
  db.run(
    `INSERT INTO uploads (system_id, upload_id, system_folder, upload_folder, ord, state, manifest_sha256, created_at,
       registered_at)
     VALUES ($system, $upload, $systemFolder, $uploadFolder, $order, 'raw_gone', '', $at, $at) ON CONFLICT DO NOTHING`,
    {
      system,
      upload,
      systemFolder: place.systemId === system && place.uploadId === upload ? null : place.systemId,
      uploadFolder: place.systemId === system && place.uploadId === upload ? null : place.uploadId,
      order: receipt.order,
      at,
    },
  );
  const ingested = receipt.status === 'ingested';
  db.run(
    `UPDATE uploads SET state = CASE state WHEN 'raw_gone' THEN state ELSE $state END, ord = $order,
       registered_at = min(registered_at, $at),
       committed_at = $committed, forgotten_at = coalesce(forgotten_at, $forgottenAt), quarantined_at = $quarantined, dropped_at = $droppedAt, dropped_by = $droppedBy,
       drop_reason = $dropReason, reason = $reason, mirrors = $mirrors, files = $files, reader = $reader,
       again_requested_at = CASE WHEN $times > again_times THEN NULL ELSE again_requested_at END, again_times = $times,
       first_ingest = $first, rows_new = $new, rows_changed = $changed, rows_unchanged = $unchanged, rows_refused = $refused,
       rows_superseded = $superseded, rows_absent = $absent, rows_deleted = $deleted,
       forgotten_rows = $forgottenRows, rows_expired = $expired
     WHERE system_id = $system AND upload_id = $upload`,
    {
      system,
      upload,
      at,
      order: receipt.order,
      state: ingested ? 'done' : receipt.dropped === undefined ? 'quarantined' : 'dropped',
      committed: ingested ? at : null,
      forgottenAt: receipt.forgotten_at === undefined ? null : Date.parse(receipt.forgotten_at),
      quarantined: ingested ? null : at,
      droppedAt: receipt.dropped === undefined ? null : Date.parse(receipt.dropped.at),
      droppedBy: receipt.dropped?.by ?? null,
      dropReason: receipt.dropped?.reason ?? null,
      reason: receipt.reason,
      mirrors: JSON.stringify(receipt.mirrors ?? []),
      files: JSON.stringify(receipt.files),
      reader: receipt.reader === '' ? null : receipt.reader,
      times: receipt.again?.times ?? 0,
      first: firstIngestOf(receipt),
      forgottenRows: receipt.forgotten_rows ?? 0,
      ...receipt.rows,
      expired: receipt.rows.expired ?? 0,
    },
  );
}

function firstIngestOf({ again }: Receipt): string | null {
  return again === undefined
    ? null
    : JSON.stringify({ committedAt: Date.parse(again.first.ingested_at), rows: again.first.rows });
}
