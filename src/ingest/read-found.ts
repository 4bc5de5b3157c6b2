import { createHash } from 'node:crypto';
import { isAkoshaError, manifestKey, type UploadRef } from '../contract/index.js';
import { idsOfPlace, MAX_MANIFEST_BYTES, parseManifest } from '../memory/index.js';
import type { FoundUpload } from '../store/index.js';
import type { IngestContext } from './context.js';
import { signalOption } from './signal-option.js';

interface ReadUpload {
  upload: FoundUpload;
  traceparent: string | null;
}

/** Undefined where the manifest does not stand: the upload is not complete, or its files are gone. */
export async function readFound(
  context: Pick<IngestContext, 'uploads' | 'manifests'>,
  place: UploadRef,
  signal?: AbortSignal,
): Promise<ReadUpload | undefined> {
  let bytes: Buffer;
  try {
    const limits = { maxBytes: MAX_MANIFEST_BYTES, ...signalOption(signal) };
    bytes = await context.uploads.get(manifestKey(place), limits);
  } catch (error) {
    if (isAkoshaError(error, 'ObjectNotFound')) return undefined;
    if (isAkoshaError(error, 'UploadUnreadable')) return unreadable(place, '');
    throw error;
  }
  const manifestSha256 = createHash('sha256').update(bytes).digest('hex');
  try {
    const manifest = parseManifest(place, bytes);
    const upload = {
      ...found(place, manifest),
      order: manifest.order,
      previousOrder: manifest.previousOrder ?? null,
      partial: manifest.partial,
      manifestSha256,
      createdAt: manifest.createdAt,
    };
    // Where the files' hashes are not in it, that it still stands is all that tells of an upload replaced meanwhile.
    if (manifest.files.every(({ storedSha256 }) => storedSha256 !== null)) {
      context.manifests?.remember(place, { bytes, sha256: manifestSha256 });
    }
    return { upload, traceparent: manifest.traceparent };
  } catch (error) {
    if (isAkoshaError(error, 'UploadUnreadable')) return unreadable(place, manifestSha256);
    throw error;
  }
}

/**
 * Queued like any other: the ingest reads the manifest again, and quarantines it for the same reason. Order 0: before everything, so
 * that it makes no gap.
 */
function unreadable(place: UploadRef, manifestSha256: string): ReadUpload {
  const upload = {
    ...found(place, idsOfPlace(place)),
    order: 0,
    previousOrder: null,
    manifestSha256,
    createdAt: 0,
  };
  return { upload, traceparent: null };
}

function found(
  place: UploadRef,
  { systemId, uploadId, systemName }: UploadRef & { systemName: string },
): Pick<FoundUpload, 'systemId' | 'uploadId' | 'place' | 'systemName'> {
  return {
    systemId,
    uploadId,
    ...(systemId === place.systemId && uploadId === place.uploadId ? {} : { place }),
    ...(systemName === systemId ? {} : { systemName }),
  };
}
