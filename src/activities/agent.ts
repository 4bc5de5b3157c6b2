import { KINDS, type AgentActivities, type SnapshotSummary, type UploadRef } from '../contract/index.js';
import {
  announce,
  commitManifest,
  deliverUpload,
  Outbox,
  prepareUpload,
  removeFromOutbox,
  uploadFiles,
  type HostContext,
  type PreparedUpload,
  type QueuedUpload,
  type UploadProgress,
} from '../upload/index.js';
import { runActivity, type ActivityTools } from './run-activity.js';

export interface AgentActivityDeps {
  host: HostContext;
}

/**
 * The activities of one host. Another process of the host may deliver the same upload at the same time, by itself; an
 * upload that has left the outbox is therefore one that stands in object storage, and each step is done.
 */
export function createAgentActivities({ host }: AgentActivityDeps): AgentActivities {
  const outbox = new Outbox(host);

  return {
    outstandingUploads: () =>
      runActivity(async () => (await outbox.list()).map(({ manifest }) => manifest.uploadId)),

    takeSnapshot: ({ uploadId }) =>
      runActivity(async (tools) =>
        summarize(await prepareUpload(host, { uploadId, ...uploadOptions(tools) })),
      ),

    uploadFiles: (ref) =>
      runActivity(async (tools) => {
        const options = uploadOptions(tools);
        const queued = await outbox.find(ref.uploadId);
        const { filesUploaded, bytesTransferred } =
          queued === undefined
            ? await deliverUpload(host, ref.uploadId, options)
            : await uploadFiles(host, queued, options);
        return { files: filesUploaded, bytes: bytesTransferred };
      }),

    commitUpload: (ref) =>
      withQueued(ref, 'manifest', (queued, options) => commitManifest(host, queued, options)),

    announceUpload: (ref) =>
      withQueued(ref, 'inbox', ({ manifest }, options) => announce(host, manifest, options)),

    closeUpload: (ref) =>
      withQueued(ref, 'outbox', ({ manifest }, options) => removeFromOutbox(host, manifest, options)),

    // Without the host's lock: nobody makes this upload anew, and taking it out twice is the same as once.
    dropUpload: ({ uploadId }) => runActivity(() => outbox.discard(uploadId)),
  };

  function withQueued(
    { uploadId }: UploadRef,
    step: string,
    work: (queued: QueuedUpload, options: { signal: AbortSignal }) => Promise<void>,
  ): Promise<void> {
    return runActivity(async ({ signal, report }) => {
      report({ step });
      const queued = await outbox.find(uploadId);
      // Raises where the upload is not in object storage either.
      if (queued === undefined) await deliverUpload(host, uploadId, { signal });
      else await work(queued, { signal });
    });
  }
}

function uploadOptions({ signal, report }: ActivityTools): {
  signal: AbortSignal;
  onProgress: (progress: UploadProgress) => void;
} {
  return { signal, onProgress: ({ step, done, total, bytes }) => report({ step, done, total, bytes }) };
}

function summarize({ uploadId, files, omitted }: PreparedUpload): SnapshotSummary {
  const rows: SnapshotSummary['rows'] = {};
  for (const kind of KINDS) {
    const counts = files.map((file) => file.rows?.[kind]).filter((count) => count !== undefined);
    if (counts.length > 0) rows[kind] = sum(counts);
  }
  const bytes = sum(files.map(({ storedBytes }) => storedBytes ?? 0));
  return { uploadId, files: files.length, bytes, rows, omitted: [...omitted] };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
