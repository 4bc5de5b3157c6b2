import type { UploadPage, UploadPageRequest } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { toRecord, type UploadRow } from './uploads.js';

/**
 * A page of the uploads on record, newest first. Only the filters that are asked for stand in the statement, so that an index answers it:
 * a list of a system's uploads in one state goes through the system's, of which there are thousands at most.
 */
export function listUploads(
  db: CatalogDatabase,
  { systemId, uploadId, state, after, limit }: UploadPageRequest,
): UploadPage {
  const filters = [
    ...(systemId === undefined ? [] : ['system_id = $system']),
    ...(uploadId === undefined ? [] : ['upload_id = $upload']),
    // The plus keeps the planner from the index of states, which would read those of all systems.
    ...(state === undefined
      ? []
      : [systemId === undefined && uploadId === undefined ? 'state = $state' : '+state = $state']),
    ...(after === undefined
      ? []
      : ['(registered_at, system_id, upload_id) < ($at, $afterSystem, $afterUpload)']),
  ];
  const rows = db.all<UploadRow>(
    `SELECT * FROM uploads ${filters.length === 0 ? '' : `WHERE ${filters.join(' AND ')}`}
     ORDER BY registered_at DESC, system_id DESC, upload_id DESC LIMIT $limit`,
    {
      // One more than the page tells whether there is a next.
      limit: limit + 1,
      ...(systemId === undefined ? {} : { system: systemId }),
      ...(uploadId === undefined ? {} : { upload: uploadId }),
      ...(state === undefined ? {} : { state }),
      ...(after === undefined
        ? {}
        : { at: after.registeredAt, afterSystem: after.systemId, afterUpload: after.uploadId }),
    },
  );
  const uploads = rows.slice(0, limit).map(toRecord);
  const last = uploads.at(-1);
  if (last === undefined || rows.length <= limit) return { uploads, next: null };
  return {
    uploads,
    next: { registeredAt: last.registeredAt, systemId: last.systemId, uploadId: last.uploadId },
  };
}
