import { join } from 'node:path';
import {
  AkoshaError,
  inboxKey,
  isAkoshaError,
  manifestKey,
  messageOf,
  uploadPrefix,
} from '../../contract/index.js';
import { failPoint } from '../../faults/index.js';
import { MAX_MANIFEST_BYTES, type Manifest } from '../../memory/index.js';
import { withSpan } from '../../runtime/index.js';
import type { ObjectStore } from '../../objects/index.js';
import type { Host } from '../host.js';
import { throwIfCancelled, withSignal, type UploadOptions, type UploadProgress } from '../options.js';
import type { QueuedUpload } from '../outbox/files.js';
import type { Delivery, SyncMethod } from './method.js';

export const CLOUD = 'cloud';

/**
 * The way over object storage: files, then the manifest, which acknowledges, then the inbox entry, which tells the server's poll. Every step
 * can be repeated, and what stands there is not sent again.
 */
export function createCloudMethod({
  uploads,
  uploadTimeoutMs,
}: Pick<Host, 'uploads' | 'uploadTimeoutMs'>): SyncMethod {
  return {
    name: CLOUD,
    availability: async (signal) => {
      try {
        await uploads.check(withSignal(signal));
        return { available: true };
      } catch (error) {
        return { available: false, reason: messageOf(error) };
      }
    },
    deliver: async (upload, options) => {
      const delivery = await uploadFiles(uploads, upload, { ...options, stallMs: uploadTimeoutMs });
      await withSpan('akosha.deliver.manifest', {}, async () => {
        await commitManifest(uploads, upload, options);
        await announce(uploads, upload.manifest, options);
      });
      return delivery;
    },
  };
}

/**
 * Sends what is not there of the files; sending it again changes nothing, its content being the same. Parts that were sent stay when the
 * caller gives up, because another try goes on with them; a cancelled upload has them cleared away.
 */
async function uploadFiles(
  uploads: ObjectStore,
  { manifest, folder }: QueuedUpload,
  { signal, onProgress, stallMs }: UploadOptions & { stallMs: number },
): Promise<Delivery> {
  failPoint('upload.before-files');
  const progress = fileProgress(manifest, onProgress);
  let bytesTransferred = 0;
  for (const [done, { name, storedBytes }] of manifest.files.entries()) {
    throwIfCancelled(signal, `upload ${manifest.uploadId}`);
    const report = progress.file(name, done);
    report(0);
    const key = uploadPrefix(manifest) + name;
    const { bytesSent } = await withSpan('akosha.deliver.file', {}, async (span) => {
      const put = await uploads.putFile(key, join(folder, name), {
        contentType: 'application/gzip',
        onProgress: report,
        resume: { onCancel: 'keep' },
        stallMs,
        ...withSignal(signal),
      });
      span.set({ bytes: put.bytesSent });
      return put;
    });
    bytesTransferred += bytesSent;
    progress.finish(storedBytes ?? 0);
    if (done === 0) failPoint('upload.after-first-file');
  }
  progress.step('manifest');
  failPoint('upload.after-files');
  return { filesUploaded: manifest.files.map(({ name }) => name), bytesTransferred };
}

/**
 * Puts the manifest, which makes the upload complete and promises it to the user. Create-only: of two uploads
 * of one id the second raises `UploadReplaced`, unless it is the same to the byte, which is this host's own
 * retry.
 */
async function commitManifest(
  uploads: ObjectStore,
  { manifest, bytes }: QueuedUpload,
  { signal }: UploadOptions,
): Promise<void> {
  const key = manifestKey(manifest);
  try {
    await uploads.put(key, bytes, {
      createOnly: true,
      contentType: 'application/json',
      ...withSignal(signal),
    });
  } catch (error) {
    if (!isAkoshaError(error, 'ObjectExists')) throw error;
    const standing = await uploads.get(key, { maxBytes: MAX_MANIFEST_BYTES, ...withSignal(signal) });
    if (!standing.equals(bytes)) throw replaced(uploads, manifest);
  }
  failPoint('upload.after-manifest');
}

/**
 * Tells the server's poll. A second entry for an upload that was ingested meanwhile is cleared away by the
 * server.
 */
async function announce(uploads: ObjectStore, manifest: Manifest, { signal }: UploadOptions): Promise<void> {
  await uploads.put(inboxKey(manifest), '', withSignal(signal));
  failPoint('upload.after-inbox');
}

interface FileProgress {
  /** What to call with the bytes of a file sent so far. */
  file: (name: string, done: number) => (bytes: number) => void;
  finish: (bytes: number) => void;
  step: (step: string) => void;
}

/** Adds up bytes over all files, whatever each file counts from. */
function fileProgress({ files }: Manifest, onProgress: UploadOptions['onProgress']): FileProgress {
  const total = files.length;
  const totalBytes = files.reduce((sum, { storedBytes }) => sum + (storedBytes ?? 0), 0);
  let finished = 0;
  const report = (progress: Pick<UploadProgress, 'step' | 'file' | 'done' | 'bytes'>): void =>
    onProgress?.({ ...progress, method: CLOUD, total, totalBytes });
  return {
    file: (file, done) => (bytes) => report({ step: 'files', file, done, bytes: finished + bytes }),
    finish: (bytes) => void (finished += bytes),
    step: (step) => report({ step, file: null, done: total, bytes: totalBytes }),
  };
}

function replaced(uploads: ObjectStore, { systemId, uploadId }: Manifest): AkoshaError {
  return new AkoshaError(
    'UploadReplaced',
    `${uploads.url} holds another upload ${uploadId} of system ${systemId}; ` +
      'two hosts with one AKOSHA_SYSTEM_ID must each get their own',
    { details: { systemId, uploadId } },
  );
}
