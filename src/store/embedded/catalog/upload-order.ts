import type { UploadRef } from '../../../contract/index.js';
import type { CatalogDatabase } from './database.js';

/**
 * Several uploads may have one order: original ids tell the second, or the time of the upload. The id, compared by its bytes, then says which
 * of them is newer, whichever came first. Wherever orders of uploads or placements are compared, the pair is.
 */
export const PLACED_BEFORE = `(p.ord, p.upload_id) < ($order, $upload)`;
const UPLOADED_BEFORE = `(u.ord, u.upload_id) < ($order, $upload)`;
export const UPLOADED_AFTER = `(u.ord, u.upload_id) > ($order, $upload)`;

/** The place of an upload among those of its system. */
export interface Place {
  order: number;
  uploadId: string;
}

/**
 * An unchanged row has to be written again where a gap lies between its order and this one: where it is below the greatest one. An upload
 * that is being ingested again may say something else of its own rows, so it is one for these too. Of an order that is missing no upload is
 * known, and parts of one say the same of a memory: an empty id, below all of them.
 */
export function greatestGap(
  db: CatalogDatabase,
  { upload, order }: { upload: UploadRef; order: number },
): Place {
  const gap = db.get<Place>(
    `SELECT ord AS "order", upload_id AS uploadId FROM (
       SELECT u.ord, u.upload_id FROM uploads u WHERE u.system_id = $system AND u.state IN ('pending', 'quarantined', 'dropped') AND ${UPLOADED_BEFORE}
       UNION ALL SELECT g.ord, '' FROM gaps g WHERE g.system_id = $system AND g.ord < $order
       UNION ALL SELECT u.ord, u.upload_id FROM uploads u WHERE u.system_id = $system AND u.again_requested_at IS NOT NULL AND ${UPLOADED_BEFORE})
     ORDER BY ord DESC, upload_id DESC LIMIT 1`,
    { system: upload.systemId, upload: upload.uploadId, order },
  );
  return gap ?? { order: -1, uploadId: '' };
}
