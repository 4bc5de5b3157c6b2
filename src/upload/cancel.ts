import { messageOf, uploadPrefix, type UploadRef } from '../contract/index.js';
import { closeUpload } from './deliver.js';
import type { Host } from './host.js';
import { withDeliveryLock, withHostLock } from './host-lock.js';
import { withSignal } from './options.js';
import { settleOutbox } from './settle.js';
import { deleteLeftovers, findDelivered } from './store-reads.js';

/**
 * Ends everything that waits, because somebody cancelled it: snapshots are dropped, what was sent of them is cleared away, and their rows say
 * so, those of requests without a snapshot under `uploadId`. An upload whose manifest stands is delivered, whatever anybody wants.
 * Whoever asks for an upload afterwards gets one of everything.
 */
export function cancelUploads(host: Host, uploadId: string, signal: AbortSignal | undefined): Promise<void> {
  return withDeliveryLock(host.dataDir, signal, async () => {
    const { rows, files } = host.outbox;
    for (const { manifest } of await settleOutbox(host, signal)) {
      if (await clearAway(host, manifest, signal)) continue;
      await withHostLock(host.dataDir, signal, async () => {
        rows.cancelled(manifest.uploadId, manifest.systemId);
        await files.discard(manifest.uploadId);
      });
    }
    const own = rows.upload(uploadId);
    if (own === undefined || own.state === 'requested') rows.cancelled(uploadId, host.systemId);
  });
}

/** Returns true for an upload that was delivered all the same. */
async function clearAway(host: Host, ref: UploadRef, signal: AbortSignal | undefined): Promise<boolean> {
  const { uploads, log } = host;
  try {
    if ((await findDelivered(uploads, ref, signal)) !== undefined) {
      await closeUpload(host, ref.uploadId, signal);
      return true;
    }
    await uploads.abortStaleUploads(uploadPrefix(ref), 0, new Set(), withSignal(signal));
    await deleteLeftovers(uploads, ref, signal);
  } catch (error) {
    // What was sent costs its space and nothing else: without a manifest nobody reads it.
    log?.warn({ uploadId: ref.uploadId, reason: messageOf(error) }, 'a cancelled upload is not cleared away');
  }
  return false;
}
