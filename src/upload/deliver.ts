import { AkoshaError, isAkoshaError, type UploadRef } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { withLogFields, withSpan } from '../runtime/index.js';
import { recordFailure } from './failures.js';
import { dropForgotten } from './forgotten.js';
import type { Host, HostContext } from './host.js';
import { withDeliveryLock, withHostLock } from './host-lock.js';
import { deliverByMethods, type MethodRules } from './methods/index.js';
import type { Delivery } from './methods/method.js';
import type { UploadOptions } from './options.js';
import type { QueuedUpload } from './outbox/files.js';
import type { UploadRow } from './outbox/row-shapes.js';
import { withProgressFile } from './progress-file.js';
import { recordAcknowledged } from './sequence.js';
import { findDelivered } from './store-reads.js';

export interface MethodDelivery extends Delivery {
  uploadId: string;
  /** Null where it was delivered before, and nothing tells by which. */
  method: string | null;
}

/**
 * Carries an upload of the outbox to its destination by the first method that can, until it is acknowledged. An upload that was delivered
 * before is delivered: nothing is sent again. For one that was dropped, the one that has its rows is delivered.
 *
 * Raises `SystemForgotten` where the server says so, `UploadReplaced` where the id is taken by other content, `BadRequest` for an upload that is neither
 * in the outbox nor in the object store or was cancelled, what the methods raise, and `Cancelled`. A failure stands in the upload's
 * row, with when to try again.
 */
export function deliverUpload(
  host: HostContext,
  uploadId: string,
  options: UploadOptions = {},
): Promise<MethodDelivery> {
  return withDeliveryLock(host.dataDir, options.signal, () => deliverLocked(host, uploadId, options));
}

/** The same, for who holds the delivery lock. */
export function deliverLocked(
  host: HostContext,
  uploadId: string,
  options: UploadOptions,
): Promise<MethodDelivery> {
  return withLogFields({ uploadId }, () => deliverNow(host, uploadId, options));
}

async function deliverNow(
  host: HostContext,
  uploadId: string,
  options: UploadOptions,
): Promise<MethodDelivery> {
  const { rows, files } = host.outbox;
  const row = rows.standingFor(uploadId);
  // Acknowledged, and not yet taken out: a crash came in between.
  if (row !== undefined && row.method !== null) return deliveryIn(row);
  const queued = await files.find(row?.uploadId ?? uploadId);
  if (queued === undefined) return deliveredBefore(host, uploadId, row, options);
  await dropForgotten(host, options.signal);
  const { systemId, traceparent: continues } = queued.manifest;
  const delivery = await withSpan('akosha.deliver', { continues, fields: { systemId } }, async (span) => {
    const sent = await tryOnce(host, queued, options);
    span.set({ method: sent.method, files: sent.filesUploaded.length, bytes: sent.bytesTransferred });
    return sent;
  });
  rows.acknowledged(queued.manifest.uploadId, delivery.method, delivery.bytesTransferred);
  return { ...delivery, uploadId: queued.manifest.uploadId };
}

/** What the outbox remembers of it; the bytes are those that the last try took. */
function deliveryIn({ uploadId, method, bytesSent, contents }: UploadRow): MethodDelivery {
  const databases = contents?.databases.filter((database) => database.uploadId === uploadId) ?? [];
  const filesUploaded = databases.map(({ name }) => name);
  return { uploadId, method, filesUploaded, bytesTransferred: bytesSent };
}

async function tryOnce(
  host: HostContext,
  queued: QueuedUpload,
  options: UploadOptions,
): Promise<Delivery & { method: string }> {
  const { rows } = host.outbox;
  const { uploadId } = queued.manifest;
  const onProgress: UploadOptions['onProgress'] = (progress) => {
    if (progress.bytes > 0 || progress.done > 0) rows.begun(uploadId);
    options.onProgress?.(progress);
  };
  try {
    const place = { dataDir: host.dataDir, task: 'delivery', uploadId } as const;
    return await withProgressFile(place, { ...options, onProgress }, (reported) =>
      deliverByMethods(host.methods, queued, rulesFor(host, uploadId), reported),
    );
  } catch (error) {
    // Its files go with it, which takes the host lock: the caller's.
    if (!isAkoshaError(error, 'UploadReplaced')) recordFailure(host, uploadId, error);
    throw error;
  }
}

/** The settings' rules, as far as the last who asked did not want others. */
function rulesFor({ rules, outbox }: HostContext, uploadId: string): MethodRules {
  const asked = outbox.rows.requestsOf(uploadId);
  const forceMethod = asked.findLast((request) => request.forceMethod !== null)?.forceMethod ?? null;
  const enableFallback = asked.findLast((request) => request.enableFallback !== null)?.enableFallback ?? null;
  return {
    ...rules,
    ...(forceMethod === null ? {} : { forceMethod }),
    ...(enableFallback === null ? {} : { enableFallback }),
  };
}

async function deliveredBefore(
  host: HostContext,
  uploadId: string,
  row: UploadRow | undefined,
  { signal }: UploadOptions,
): Promise<MethodDelivery> {
  if (row?.state === 'delivered') return deliveryIn(row);
  const ref: UploadRef = { systemId: host.systemId, uploadId };
  const manifest = row?.state === 'cancelled' ? undefined : await findDelivered(host.uploads, ref, signal);
  if (manifest !== undefined) {
    const filesUploaded = manifest.files.map(({ name }) => name);
    return { uploadId, method: null, filesUploaded, bytesTransferred: 0 };
  }
  throw new AkoshaError(
    'BadRequest',
    row?.state === 'cancelled'
      ? `upload ${uploadId} was cancelled`
      : `upload ${uploadId} of system ${host.systemId} is neither in the outbox nor in ${host.uploads.url}`,
    { details: { ...ref } },
  );
}

/** Takes an upload that was acknowledged out of the outbox; its row stays as history. One that is no longer there is no error. */
export async function closeUpload(
  host: Host,
  uploadId: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await withHostLock(host.dataDir, signal, async () => {
    const { outbox } = host;
    const queued = await outbox.files.find(uploadId);
    if (queued === undefined) return;
    outbox.transaction(() => {
      recordAcknowledged(host, queued.manifest);
      outbox.rows.delivered(uploadId);
    });
    failPoint('upload.after-delivered');
    await outbox.files.discard(uploadId);
  });
  failPoint('upload.after-outbox');
}

/** Takes out an upload whose id is taken by other content. Who asked for it gets another snapshot. */
export function dropReplaced(
  host: Host,
  uploadId: string,
  error: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  return withHostLock(host.dataDir, signal, async () => {
    host.log?.warn({ uploadId, reason: error }, 'dropping an upload from the outbox');
    if (host.outbox.rows.upload(uploadId)?.state === 'prepared') host.outbox.rows.replaced(uploadId, error);
    await host.outbox.files.discard(uploadId);
  });
}
