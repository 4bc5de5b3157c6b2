import { SIGNALS, type AgentActivities, type TransferProgress } from '../contract/index.js';
import {
  cancelUploads,
  closeUpload,
  deliverUpload,
  dropReplaced,
  prepareUpload,
  readOutbox,
  sendNotices,
  type HostContext,
  type UploadOptions,
  type UploadProgress,
} from '../upload/index.js';
import { retryAfter, runActivity, tellWorkflow, type ActivityTools } from './run-activity.js';

export interface AgentActivityDeps {
  host: HostContext;
}

/**
 * The activities of one host. Another process of the host may deliver the same upload at the same time, by itself; an
 * upload that has left the outbox is therefore one that stands in object storage, and each step is done.
 */
export function createAgentActivities({ host }: AgentActivityDeps): AgentActivities {
  /** A failed try is put down in the outbox with when to try again; Temporal keeps to that. */
  const asTheOutboxSays = async <T>(uploadId: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      const { rows } = host.outbox;
      throw retryAfter(error, (rows.upload(uploadId)?.nextTryAt ?? 0) - rows.now());
    }
  };

  return {
    readOutbox: () => runActivity(({ signal }) => readOutbox(host, signal)),

    takeSnapshot: ({ uploadId }) =>
      runActivity((tools) =>
        asTheOutboxSays(uploadId, prepareUpload(host, { uploadId, ...uploadOptions(tools) })),
      ),

    deliverUpload: ({ uploadId }) =>
      runActivity(async (tools) => {
        const delivery = await asTheOutboxSays(
          uploadId,
          deliverUpload(host, uploadId, uploadOptions(tools, progressSignals(uploadId))),
        );
        const { method, filesUploaded: files, bytesTransferred: bytes } = delivery;
        return { uploadId: delivery.uploadId, method, files, bytes };
      }),

    closeUpload: ({ uploadId }) => runActivity(({ signal }) => closeUpload(host, uploadId, signal)),
    dropUpload: ({ uploadId, reason }) =>
      runActivity(({ signal }) => dropReplaced(host, uploadId, reason, signal)),
    cancelUploads: ({ uploadId }) => runActivity(({ signal }) => cancelUploads(host, uploadId, signal)),

    sendNotices: () =>
      runActivity(async ({ signal }) => {
        try {
          await sendNotices(host, { signal });
        } catch (error) {
          const { notices } = host.outbox;
          throw retryAfter(error, (notices.nextAt() ?? 0) - notices.now());
        }
      }),
  };
}

/** `onProgress` is told beside the heartbeat. */
function uploadOptions(
  { signal, report }: ActivityTools,
  onProgress?: (progress: UploadProgress) => void,
): UploadOptions {
  return {
    signal,
    onProgress: (progress) => {
      const { step, method, file, done, total, bytes, totalBytes } = progress;
      report({
        step,
        ...(method === null ? {} : { method }),
        ...(file === null ? {} : { file }),
        done,
        total,
        bytes,
        totalBytes,
      });
      onProgress?.(progress);
    },
  };
}

/** A signal is an event in the workflow's history and a task for the server, so an upload sends twenty at most, and slow ones only. */
const LEAST_SHARE = 0.05;
const LEAST_INTERVAL_MS = 2_000;

function progressSignals(uploadId: string): (progress: UploadProgress) => void {
  let sent = { bytes: 0, at: performance.now() };
  return ({ method, done, bytes, totalBytes }) => {
    const now = performance.now();
    if (bytes - sent.bytes < LEAST_SHARE * totalBytes || now - sent.at < LEAST_INTERVAL_MS) return;
    sent = { bytes, at: now };
    const progress: TransferProgress = { uploadId, method, files: done, bytes, totalBytes };
    tellWorkflow(SIGNALS.transferProgress, progress);
  };
}
