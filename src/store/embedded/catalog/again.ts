import type { UploadRef } from '../../../contract/index.js';
import type { IngestedAgain } from '../../store.js';
import type { CatalogDatabase } from './database.js';

/**
 * An upload that is done is ingested again with a mark beside its state. Were it pending meanwhile, a late mirror upload of smaller order
 * would take itself for the newest and delete rows, and an older version would not find what this one deleted.
 */

/** What stands in an upload's row about it. */
export interface AgainRow {
  again_requested_at: number | null;
  again_times: number;
  again_failure: string | null;
  first_ingest: string | null;
}

export function requestAgain(db: CatalogDatabase, { systemId, uploadId }: UploadRef, now: number): boolean {
  const changed = db.run(
    `UPDATE uploads SET again_requested_at = $now, again_failure = NULL, attempts = 0, last_failure = NULL
     WHERE system_id = $systemId AND upload_id = $uploadId AND state = 'done' AND again_requested_at IS NULL`,
    { systemId, uploadId, now },
  );
  return changed > 0;
}

export function abandonAgain(
  db: CatalogDatabase,
  { systemId, uploadId }: UploadRef,
  reason: string,
): boolean {
  const changed = db.run(
    `UPDATE uploads SET again_requested_at = NULL, again_failure = $reason, attempts = 0, last_failure = NULL
     WHERE system_id = $systemId AND upload_id = $uploadId AND again_requested_at IS NOT NULL`,
    { systemId, uploadId, reason },
  );
  return changed > 0;
}

/** For the update of an upload's row by the commit of its ingest: the names on the right are the row as it was before. */
export function countAgainSql(): string {
  return `again_times = again_times + (again_requested_at IS NOT NULL), again_requested_at = NULL, again_failure = NULL,
    first_ingest = CASE WHEN again_requested_at IS NULL THEN first_ingest ELSE coalesce(first_ingest,
      json_patch(json_object('committedAt', committed_at, 'rows', json_object('new', rows_new, 'changed', rows_changed,
        'unchanged', rows_unchanged, 'refused', rows_refused, 'superseded', rows_superseded, 'absent', rows_absent,
        'deleted', rows_deleted)), CASE rows_expired WHEN 0 THEN '{}' ELSE json_object('rows', json_object('expired', rows_expired)) END)) END`;
}

export function againOf(row: AgainRow): IngestedAgain | null {
  if (row.again_requested_at === null && row.again_times === 0 && row.again_failure === null) return null;
  return {
    requestedAt: row.again_requested_at,
    times: row.again_times,
    first: row.first_ingest === null ? null : (JSON.parse(row.first_ingest) as IngestedAgain['first']),
    failure: row.again_failure,
  };
}
