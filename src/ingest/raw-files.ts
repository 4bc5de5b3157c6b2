import { RECEIPT_NAME, MANIFEST_NAME, uploadPrefix, type UploadRef } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import type { ObjectStore } from '../objects/index.js';

/**
 * Deletes the files of an upload, the manifest first: without it nothing is found and read half. The receipt stays, because a rebuild learns
 * from it that the upload was ingested, and its host the numbers that are taken.
 */
export async function deleteRawFiles(uploads: ObjectStore, place: UploadRef): Promise<void> {
  const prefix = uploadPrefix(place);
  await uploads.delete([prefix + MANIFEST_NAME]);
  failPoint('forget.after-raw-manifest');
  for await (const { objects } of uploads.list(prefix)) {
    const files = objects.map(({ key }) => key).filter((key) => key !== prefix + RECEIPT_NAME);
    if (files.length > 0) await uploads.delete(files);
  }
  failPoint('forget.after-raw');
}
