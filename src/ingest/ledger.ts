import { AkoshaError, type UploadRef } from '../contract/index.js';
import type { MemoryStore, UploadPage, UploadPageRequest, UploadRecord } from '../store/index.js';

/** What is on record of an upload. Raises `UploadUnknown`. */
export async function requireUpload(
  store: MemoryStore,
  { systemId, uploadId }: UploadRef,
): Promise<UploadRecord> {
  const record = await store.getUpload({ systemId, uploadId });
  if (record !== undefined) return record;
  throw new AkoshaError(
    'UploadUnknown',
    `upload ${uploadId} of system ${systemId} is not known: run the daily ingest (\`akosha ingest\`) if it was never announced`,
    { details: { systemId, uploadId } },
  );
}

/** As the store's, but a name that no upload came from is not taken for a system without uploads in that state. Raises `UploadUnknown`. */
export async function listUploads(store: MemoryStore, page: UploadPageRequest): Promise<UploadPage> {
  const { systemId } = page;
  const found = await store.listUploads(page);
  if (found.uploads.length > 0 || systemId === undefined) return found;
  const any = await store.listUploads({ systemId, limit: 1 });
  if (any.uploads.length > 0) return found;
  throw new AkoshaError('UploadUnknown', `no upload of a system ${systemId} is known`, {
    details: { systemId },
  });
}
