import { AkoshaError, type UploadRef } from '../../../contract/index.js';
import type { CatalogDatabase } from './database.js';

/** Attempts to read an upload's files, in its row: they outlive the process, which such a file may take down. */

const PENDING = `system_id = $systemId AND upload_id = $uploadId AND (state = 'pending' OR again_requested_at IS NOT NULL)`;

/**
 * Counts an attempt that begins. What the one before failed with is forgotten with it, so that the next one after a
 * crash does not tell an older reason for the last.
 */
export function beginRead(
  db: CatalogDatabase,
  { systemId, uploadId }: UploadRef,
): { attempts: number; lastFailure: string | null } {
  return db.transaction(() => {
    const before = db.get<{ attempts: number; last_failure: string | null }>(
      `SELECT attempts, last_failure FROM uploads WHERE ${PENDING}`,
      { systemId, uploadId },
    );
    if (before === undefined)
      throw new AkoshaError('OperationClosed', `upload ${uploadId} of system ${systemId} is not pending`);
    db.run(`UPDATE uploads SET attempts = attempts + 1, last_failure = NULL WHERE ${PENDING}`, {
      systemId,
      uploadId,
    });
    return { attempts: before.attempts + 1, lastFailure: before.last_failure };
  });
}

export function recordReadFailure(
  db: CatalogDatabase,
  { systemId, uploadId }: UploadRef,
  reason: string,
): void {
  db.run(`UPDATE uploads SET last_failure = $reason WHERE ${PENDING}`, { systemId, uploadId, reason });
}

export function withdrawRead(db: CatalogDatabase, { systemId, uploadId }: UploadRef): void {
  db.run(`UPDATE uploads SET attempts = max(attempts - 1, 0) WHERE ${PENDING}`, { systemId, uploadId });
}

export function clearReads(db: CatalogDatabase, { systemId, uploadId }: UploadRef): void {
  db.run(`UPDATE uploads SET attempts = 0, last_failure = NULL WHERE ${PENDING}`, { systemId, uploadId });
}
