import { ulid } from 'ulid';
import { isAkoshaError, messageOf } from '../contract/index.js';
import { withSpan } from '../runtime/index.js';
import { closeUpload, deliverLocked, dropReplaced, type MethodDelivery } from './deliver.js';
import { recordedIn } from './failures.js';
import type { HostContext } from './host.js';
import { withDeliveryLock } from './host-lock.js';
import type { UploadOptions } from './options.js';
import { prepareUpload, type PreparedUpload, type PrepareOptions } from './prepare.js';
import { settleOutbox } from './settle.js';

export interface DirectSync {
  /** What answers the request. */
  upload: PreparedUpload;
  /** Every upload that this call delivered, in order. */
  deliveries: MethodDelivery[];
}

/**
 * A whole sync without an orchestrator: a new upload, then everything that waits in the outbox, in order. Repeating
 * it with the same upload id resumes; one that is delivered is not sent again. Raises what `prepareUpload`
 * and `deliverUpload` do.
 */
export async function syncDirectly(host: HostContext, options: PrepareOptions): Promise<DirectSync> {
  const upload = await prepareUpload(host, options);
  return { upload, deliveries: await deliverWaiting(host, { ...options, required: upload.uploadId }) };
}

/**
 * Does what is due: a snapshot where one is asked for, and deliveries, until nothing is asked for any more. `onlyDue: false` does not
 * wait for the time of the next try. A failure that stands in the outbox is not raised.
 */
export function flushDirectly(
  host: HostContext,
  options: UploadOptions & { onlyDue?: boolean },
): Promise<void> {
  return withSpan('akosha.sync', { fields: { systemId: host.systemId } }, () => flushDue(host, options));
}

async function flushDue(host: HostContext, options: UploadOptions & { onlyDue?: boolean }): Promise<void> {
  const { rows } = host.outbox;
  const { onlyDue = true } = options;
  do {
    const again = rows.uploadsIn('requested').find(({ nextTryAt }) => !onlyDue || nextTryAt <= rows.now());
    if (again !== undefined || rows.openRequests().length > 0) {
      await unlessRecorded(host, () =>
        prepareUpload(host, { ...options, uploadId: again?.uploadId ?? ulid() }),
      );
    }
    await unlessRecorded(host, () => deliverWaiting(host, { ...options, onlyDue }));
  } while (rows.openRequests().length > 0 && options.signal?.aborted !== true);
}

async function unlessRecorded(host: HostContext, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isAkoshaError(error, 'Cancelled')) return;
    const uploadId = recordedIn(error);
    if (uploadId === undefined) throw error;
    host.log?.warn(
      { uploadId, reason: messageOf(error) },
      'an upload failed; the outbox says when it is tried again',
    );
  }
}

interface DeliverOptions extends UploadOptions {
  /** Leave alone what waits for a later try, and what comes after it. */
  onlyDue?: boolean;
  /** Raise `UploadReplaced` where this one can never be delivered; others are dropped. */
  required?: string;
}

/** Delivers what waits in the outbox, in order, and takes it out. Ends with the first that cannot be delivered now. */
function deliverWaiting(host: HostContext, options: DeliverOptions): Promise<MethodDelivery[]> {
  const { signal, onlyDue = false, required } = options;
  const { rows } = host.outbox;
  return withDeliveryLock(host.dataDir, signal, async () => {
    const deliveries: MethodDelivery[] = [];
    for (const { manifest } of await settleOutbox(host, signal)) {
      const { uploadId } = manifest;
      if (onlyDue && (rows.upload(uploadId)?.nextTryAt ?? 0) > rows.now()) break;
      try {
        deliveries.push(await deliverLocked(host, uploadId, options));
        await closeUpload(host, uploadId, signal);
      } catch (error) {
        if (!isAkoshaError(error, 'UploadReplaced')) throw error;
        await dropReplaced(host, uploadId, messageOf(error), signal);
        if (uploadId === required) throw error;
      }
    }
    return deliveries;
  });
}
