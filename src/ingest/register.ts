import { createHash } from 'node:crypto';
import {
  AkoshaError,
  inboxKey,
  isAkoshaError,
  manifestKey,
  uploadPrefix,
  type UploadRef,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { idsOfPlace, MAX_MANIFEST_BYTES, parseManifest } from '../memory/index.js';
import type { FoundUpload } from '../store/index.js';
import type { IngestContext } from './context.js';
import type { Look } from './look.js';
import { signalOption } from './signal-option.js';
import { recordDiscovery } from './upload-traces.js';

/** An upload that is never queued, because another place has its id. */
export interface TakenPlace {
  place: UploadRef;
  reason: string;
}

/**
 * Queues what is complete of the uploads that lie at these places, none of which is on record. Returns those whose id is taken, of which
 * the caller tells.
 */
export async function register(
  context: IngestContext,
  look: Look,
  places: readonly UploadRef[],
  signal?: AbortSignal,
): Promise<TakenPlace[]> {
  const startedAt = Date.now();
  const read = await look.each(places, (place) => readFound(context, place, signal));
  const complete = read.filter((upload) => upload !== undefined);
  const found = complete.map(({ upload }) => upload);
  let taken: TakenPlace[] = [];
  if (found.length > 0) {
    const added = await context.store.registerUploads(found);
    look.added.push(...added);
    failPoint('ingest.after-register');
    const traceparents = new Map(complete.map((one) => [inboxKey(one.upload), one.traceparent]));
    for (const ref of added) {
      recordDiscovery(context, ref, { traceparent: traceparents.get(inboxKey(ref)) ?? null, startedAt });
    }
    taken = await findTaken(context, found, added);
  }
  look.throwIfEnded();
  return taken;
}

/** Notes them as failed, so that they do not go unnoticed. */
export function tellTaken(look: Look, taken: readonly TakenPlace[]): void {
  for (const { place, reason } of taken) look.fail(place, new AkoshaError('UploadReplaced', reason));
}

/** Two places may stand for one id: a folder that was copied from a host's name to its id. The first one found has it. */
async function findTaken(
  context: IngestContext,
  found: readonly FoundUpload[],
  added: readonly UploadRef[],
): Promise<TakenPlace[]> {
  const queued = new Set(added.map(inboxKey));
  const taken: TakenPlace[] = [];
  for (const upload of found) {
    if (queued.delete(inboxKey(upload))) continue;
    const { systemId, uploadId } = upload.place ?? upload;
    const place = { systemId, uploadId };
    const owner = (await context.store.getUpload(upload))?.place;
    // Where it is the same, another look was quicker.
    if (owner === undefined || uploadPrefix(owner) === uploadPrefix(place)) continue;
    const reason = `upload ${upload.uploadId} of system ${upload.systemId} is at ${uploadPrefix(owner)} already`;
    taken.push({ place, reason });
  }
  return taken;
}

interface ReadUpload {
  upload: FoundUpload;
  traceparent: string | null;
}

/** Undefined where the manifest does not stand: the upload is not complete, or its files are gone. */
async function readFound(
  context: IngestContext,
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
