import { join } from 'node:path';
import {
  AkoshaError,
  inboxKey,
  isAkoshaError,
  manifestKey,
  uploadPrefix,
  type UploadRef,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { MAX_MANIFEST_BYTES, type Manifest } from '../memory/index.js';
import { throwIfCancelled, withSignal, type HostContext, type UploadOptions } from './host.js';
import { withHostLock } from './host-lock.js';
import { Outbox, type QueuedUpload } from './outbox.js';
import { recordAcknowledged } from './sequence.js';
import { findDelivered } from './store-reads.js';

export interface Delivery {
  /** Names of the upload's files, all of which now stand in the object store. */
  filesUploaded: string[];
  /** Sent by this call; files that an earlier one had sent do not count. */
  bytesTransferred: number;
}

/**
 * Carries an upload of the outbox to object storage: files, manifest, inbox entry; then takes it out of the
 * outbox. Every step can be repeated, and an upload that was delivered before is delivered: nothing is sent.
 *
 * Raises `UploadReplaced` where the id is taken by other content, `BadRequest` for an upload that is neither
 * in the outbox nor in the object store, the object store's errors, and `Cancelled`.
 */
export async function deliverUpload(
  host: HostContext,
  uploadId: string,
  options: UploadOptions = {},
): Promise<Delivery> {
  const queued = await new Outbox(host).find(uploadId);
  if (queued === undefined) return deliveredBefore(host, { systemId: host.systemId, uploadId }, options);
  const delivery = await uploadFiles(host, queued, options);
  await commitManifest(host, queued, options);
  await announce(host, queued.manifest, options);
  await removeFromOutbox(host, queued.manifest, options);
  return delivery;
}

async function deliveredBefore(
  host: HostContext,
  ref: UploadRef,
  { signal }: UploadOptions,
): Promise<Delivery> {
  const manifest = await findDelivered(host.uploads, ref, signal);
  if (manifest === undefined) {
    throw new AkoshaError(
      'BadRequest',
      `upload ${ref.uploadId} of system ${ref.systemId} is neither in the outbox nor in ${host.uploads.url}`,
      { details: { ...ref } },
    );
  }
  return { filesUploaded: manifest.files.map(({ name }) => name), bytesTransferred: 0 };
}

/**
 * Sends the files that are not there in full size; sending one again changes nothing, its content being the
 * same.
 */
export async function uploadFiles(
  host: HostContext,
  { manifest, folder }: QueuedUpload,
  { signal, onProgress }: UploadOptions = {},
): Promise<Delivery> {
  failPoint('upload.before-files');
  const total = manifest.files.length;
  let bytesTransferred = 0;
  for (const [done, { name, storedBytes }] of manifest.files.entries()) {
    throwIfCancelled(signal, `upload ${manifest.uploadId}`);
    const report = (bytes: number): void => onProgress?.({ step: 'files', done, total, bytes });
    report(0);
    const key = uploadPrefix(manifest) + name;
    const there = await host.uploads.head(key, withSignal(signal));
    if (there?.size !== storedBytes) {
      await host.uploads.putFile(key, join(folder, name), {
        contentType: 'application/gzip',
        onProgress: report,
        ...withSignal(signal),
      });
      bytesTransferred += storedBytes ?? 0;
    }
    if (done === 0) failPoint('upload.after-first-file');
  }
  onProgress?.({ step: 'files', done: total, total, bytes: 0 });
  failPoint('upload.after-files');
  return { filesUploaded: manifest.files.map(({ name }) => name), bytesTransferred };
}

/**
 * Puts the manifest, which makes the upload complete and promises it to the user. Create-only: of two uploads
 * of one id the second raises `UploadReplaced`, unless it is the same to the byte, which is this host's own
 * retry.
 */
export async function commitManifest(
  host: HostContext,
  { manifest, bytes }: QueuedUpload,
  { signal }: UploadOptions = {},
): Promise<void> {
  const key = manifestKey(manifest);
  try {
    await host.uploads.put(key, bytes, {
      createOnly: true,
      contentType: 'application/json',
      ...withSignal(signal),
    });
  } catch (error) {
    if (!isAkoshaError(error, 'ObjectExists')) throw error;
    const standing = await host.uploads.get(key, { maxBytes: MAX_MANIFEST_BYTES, ...withSignal(signal) });
    if (!standing.equals(bytes)) throw replaced(host, manifest);
  }
  failPoint('upload.after-manifest');
}

/**
 * Tells the server's poll. A second entry for an upload that was ingested meanwhile is cleared away by the
 * server.
 */
export async function announce(
  host: HostContext,
  manifest: Manifest,
  { signal }: UploadOptions = {},
): Promise<void> {
  await host.uploads.put(inboxKey(manifest), '', withSignal(signal));
  failPoint('upload.after-inbox');
}

/** Forgets an upload that now stands in object storage. */
export async function removeFromOutbox(
  host: HostContext,
  manifest: Manifest,
  { signal }: UploadOptions = {},
): Promise<void> {
  await withHostLock(host.dataDir, signal, async () => {
    await recordAcknowledged(host, manifest);
    await new Outbox(host).discard(manifest.uploadId);
  });
  failPoint('upload.after-outbox');
}

function replaced(host: HostContext, { systemId, uploadId }: Manifest): AkoshaError {
  return new AkoshaError(
    'UploadReplaced',
    `${host.uploads.url} holds another upload ${uploadId} of system ${systemId}; ` +
      'two hosts with one AKOSHA_SYSTEM_ID must each get their own',
    { details: { systemId, uploadId } },
  );
}
