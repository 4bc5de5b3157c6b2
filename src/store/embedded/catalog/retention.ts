import type { RetentionCursor, UploadRef } from '../../../contract/index.js';
import type { KeptRaw, Retirement, RetirementPage } from '../../retention.js';
import type { CatalogDatabase } from './database.js';
import { NOT_STOPPED } from './findings.js';
import { refOf } from './uploads.js';

/**
 * When an upload's days begin: with its receipt. 0, so that it is due at once, where rows of it were refused as forgotten, and where its raw
 * files were gone before: what stands is left over, or was delivered again. Letter by letter as in the index `uploads_expiring`.
 */
const SINCE = `CASE WHEN u.state = 'raw_gone' OR u.forgotten_rows > 0 OR u.forgotten_at IS NOT NULL THEN 0
  ELSE coalesce(u.dropped_at, u.quarantined_at, u.committed_at) END`;

/**
 * Its row stands in a backup as it is: with the receipt gone, nothing else would tell a rebuild that the upload was ingested. And nobody
 * waits for it to be read again, and nothing is deleted while a scrub's findings stand.
 */
const MAY_GO = `${NOT_STOPPED} AND u.again_requested_at IS NULL AND NOT EXISTS (SELECT 1 FROM unsaved s
  WHERE s.what = 'uploads' AND s.system_id = u.system_id AND s.upload_id = u.upload_id)`;

/**
 * Of its system, under the same folder: a host that lost its outbox reads the numbers that are taken from what stands there. Others of the
 * greatest order stay as well.
 */
const OUTNUMBERED = `EXISTS (SELECT 1 FROM uploads g WHERE g.system_id = u.system_id AND g.ord > u.ord
  AND g.system_folder IS u.system_folder AND g.raw_left <> 'nothing')`;

const WITH_FILES = `u.raw_left = 'all' AND u.state IN ('done', 'raw_gone', 'quarantined', 'dropped')`;

/** Kept for their number alone. What a forget left keeps its receipt, by which its host learns that it has to send all again. */
const WITH_NAMES = `u.raw_left = 'names' AND u.forgotten_at IS NULL`;

/** Its index is named, because the states would lead to the whole ledger by another one. */
export function uploadsToRetire(
  db: CatalogDatabase,
  { before, after, limit }: RetirementPage,
): RetentionCursor[] {
  const { part, since, systemId, uploadId } = after;
  const page = { system: systemId, upload: uploadId, limit };
  if (part === 'outnumbered')
    return db.all<RetentionCursor>(
      `SELECT 'outnumbered' AS part, 0 AS since, u.system_id AS systemId, u.upload_id AS uploadId FROM uploads u
       WHERE ${WITH_NAMES} AND (u.system_id, u.upload_id) > ($system, $upload) AND ${OUTNUMBERED} AND ${MAY_GO}
       ORDER BY u.system_id, u.upload_id LIMIT $limit`,
      page,
    );
  return db.all<RetentionCursor>(
    `SELECT 'expired' AS part, ${SINCE} AS since, u.system_id AS systemId, u.upload_id AS uploadId
     FROM uploads u INDEXED BY uploads_expiring WHERE ${WITH_FILES} AND ${SINCE} >= $since AND ${SINCE} <= $before
       AND (${SINCE} > $since OR (u.system_id, u.upload_id) > ($system, $upload)) AND ${MAY_GO}
     ORDER BY ${SINCE}, u.system_id, u.upload_id LIMIT $limit`,
    { ...page, since, before },
  );
}

interface RetirementRow {
  system_folder: string | null;
  upload_folder: string | null;
  forgotten: 0 | 1;
  outnumbered: 0 | 1;
}

/**
 * Decides and notes it in one transaction: from here on it is `raw_gone`, so that nobody has files read again that are being deleted. Dying
 * before they are leaves an upload that is due at once.
 */
export function beginRetirement(db: CatalogDatabase, ref: UploadRef, before: number): Retirement | undefined {
  return db.transaction(() => {
    const row = db.get<RetirementRow>(
      `SELECT u.system_folder, u.upload_folder, u.forgotten_at IS NOT NULL AS forgotten, ${OUTNUMBERED} AS outnumbered FROM uploads u
       WHERE u.system_id = $systemId AND u.upload_id = $uploadId AND ${MAY_GO}
         AND ((${WITH_FILES} AND ${SINCE} <= $before) OR (${WITH_NAMES} AND ${OUTNUMBERED}))`,
      { ...refOf(ref), before },
    );
    if (row === undefined) return undefined;
    db.run(
      `UPDATE uploads SET state = 'raw_gone' WHERE system_id = $systemId AND upload_id = $uploadId AND state <> 'raw_gone'`,
      { ...refOf(ref) },
    );
    return {
      place: {
        systemId: row.system_folder ?? ref.systemId,
        uploadId: row.upload_folder ?? ref.uploadId,
      },
      keeps: keptOf(row),
    };
  });
}

function keptOf({ forgotten, outnumbered }: RetirementRow): KeptRaw {
  if (forgotten === 1) return 'receipt';
  return outnumbered === 1 ? 'nothing' : 'names';
}

export function endRetirement(db: CatalogDatabase, ref: UploadRef, keeps: KeptRaw): void {
  db.run(
    `UPDATE uploads SET raw_left = $left WHERE system_id = $systemId AND upload_id = $uploadId AND state = 'raw_gone'`,
    { ...refOf(ref), left: keeps === 'nothing' ? 'nothing' : 'names' },
  );
}

export function noteRawBack(db: CatalogDatabase, refs: readonly UploadRef[], announced: boolean): void {
  db.run(
    `UPDATE uploads SET raw_left = 'all'
     WHERE (system_id, upload_id) IN (SELECT value ->> 'systemId', value ->> 'uploadId' FROM json_each($refs))
       AND (state = 'raw_gone' OR forgotten_at IS NOT NULL) AND (raw_left = 'nothing' OR ($announced = 1 AND raw_left = 'names'))`,
    { refs: JSON.stringify(refs.map(refOf)), announced: Number(announced) },
  );
}
