import type { UploadRef } from '../../../contract/index.js';
import type { Dropped, QuarantinedUpload } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { refOf } from './uploads.js';

/** Returns whether this call did it: of two at once, one. */
export function quarantineUpload(db: CatalogDatabase, ref: UploadRef, reason: string, now: number): boolean {
  const changed = db.run(
    `UPDATE uploads SET state = 'quarantined', reason = $reason, quarantined_at = $now
     WHERE system_id = $systemId AND upload_id = $uploadId AND state = 'pending'`,
    { ...refOf(ref), reason, now },
  );
  return changed > 0;
}

export function quarantinedUploads(db: CatalogDatabase, limit: number): QuarantinedUpload[] {
  return db.all<QuarantinedUpload>(
    `SELECT u.system_id AS systemId, coalesce(s.name, u.system_id) AS systemName, u.upload_id AS uploadId, u.reason,
       u.quarantined_at AS since
     FROM uploads u JOIN systems s ON s.system_id = u.system_id
     WHERE u.state = 'quarantined' ORDER BY u.quarantined_at DESC, u.system_id, u.upload_id LIMIT $limit`,
    { limit },
  );
}

/**
 * Back to the queue, with no attempt counted and no reason. While it was in quarantine its order was a gap, so nothing that came
 * after it is replaced by it. It waits since now: the time that a person took to decide is no lag of the server's.
 */
export function requeueUpload(db: CatalogDatabase, ref: UploadRef, now: number): boolean {
  const changed = db.run(
    `UPDATE uploads SET state = 'pending', registered_at = $now, reason = NULL, quarantined_at = NULL, attempts = 0, last_failure = NULL
     WHERE system_id = $systemId AND upload_id = $uploadId AND state = 'quarantined'`,
    { ...refOf(ref), now },
  );
  return changed > 0;
}

export function dropUpload(db: CatalogDatabase, ref: UploadRef, { by, reason, at }: Dropped): boolean {
  const changed = db.run(
    `UPDATE uploads SET state = 'dropped', dropped_at = $at, dropped_by = $by, drop_reason = $reason
     WHERE system_id = $systemId AND upload_id = $uploadId AND state = 'quarantined'`,
    { ...refOf(ref), by, reason, at },
  );
  return changed > 0;
}
