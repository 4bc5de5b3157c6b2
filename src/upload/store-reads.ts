import {
  AkoshaError,
  isAkoshaError,
  manifestKey,
  receiptKey,
  uploadPrefix,
  type UploadRef,
} from '../contract/index.js';
import { MAX_MANIFEST_BYTES, parseManifest, type Manifest } from '../memory/index.js';
import type { ObjectStore } from '../objects/index.js';
import { withSignal } from './options.js';

/** A small object, or undefined where there is none. */
export async function getIfPresent(
  store: ObjectStore,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Buffer | undefined> {
  try {
    return await store.get(key, { maxBytes: MAX_MANIFEST_BYTES, ...withSignal(signal) });
  } catch (error) {
    if (isAkoshaError(error, 'ObjectNotFound')) return undefined;
    throw error;
  }
}

/**
 * The manifest of an upload that was delivered before, undefined for one that never was. Raises
 * `UploadReplaced` where its receipt is all that is left: the server has had it, and would ignore a second
 * one of the same id.
 */
export async function findDelivered(
  store: ObjectStore,
  ref: UploadRef,
  signal: AbortSignal | undefined,
): Promise<Manifest | undefined> {
  const bytes = await getIfPresent(store, manifestKey(ref), signal);
  if (bytes !== undefined) return parseManifest(ref, bytes);
  if ((await store.head(receiptKey(ref), withSignal(signal))) === undefined) return undefined;
  throw new AkoshaError(
    'UploadReplaced',
    `upload ${ref.uploadId} of system ${ref.systemId} was delivered and ingested long ago; use a new upload id`,
    { details: { ...ref } },
  );
}

/**
 * Deletes files that stand under an upload's prefix without a manifest. Only for an upload of which this host
 * has no files any more: a lost disk, and the same id asked for again. What stands there could otherwise pass
 * for the new files.
 */
export async function deleteLeftovers(
  store: ObjectStore,
  ref: UploadRef,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const page of store.list(uploadPrefix(ref), withSignal(signal))) {
    if (page.objects.length === 0) continue;
    await store.delete(
      page.objects.map(({ key }) => key),
      withSignal(signal),
    );
  }
}
