import {
  ActivityFailure,
  ApplicationFailure,
  continueAsNew,
  defineSignal,
  isCancellation,
  log,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import { ulid } from 'ulid';
import {
  agentOptions,
  handOverOptions,
  SIGNALS,
  transferOptions,
  type AgentActivities,
  type StoreActivities,
  type TransferSummary,
  type UploadMemoryInput,
  type UploadMemoryResult,
  type UploadRef,
} from '../contract/index.js';
import { listenFor } from './doorbell.js';
import { trackProgress, type ProgressTracker } from './progress.js';

export const syncRequestedSignal = defineSignal(SIGNALS.syncRequested);

/**
 * Carries a host's databases to object storage: first what its outbox still holds, in order, then a fresh snapshot. A request
 * that comes after the snapshot began is answered by another one, so whoever asks gets what stood there when they asked. A
 * cancelled run leaves what it has prepared in the outbox, for the next run to deliver.
 */
export async function uploadMemory({ systemId }: UploadMemoryInput): Promise<UploadMemoryResult> {
  const request = listenFor(syncRequestedSignal, 'Asks for an upload of the databases as they are now.');
  const progress = trackProgress('files', { systemId });
  const agent = agentSteps(systemId);

  progress.enter('outbox');
  await deliverOutstanding(systemId, agent, progress);
  for (;;) {
    request.reset();
    const result = await uploadNow(systemId, agent, progress);
    // Nothing is awaited from here on, so a request is either seen here or makes the server hand out the task again.
    if (!request.rang()) return result;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof uploadMemory>({ systemId });
  }
}

type AgentSteps = ReturnType<typeof agentSteps>;

function agentSteps(systemId: string) {
  const { outstandingUploads, commitUpload, announceUpload, closeUpload, dropUpload } =
    proxyActivities<AgentActivities>(agentOptions(systemId));
  const { takeSnapshot, uploadFiles } = proxyActivities<AgentActivities>(transferOptions(systemId));
  const { handOver } = proxyActivities<StoreActivities>(handOverOptions(systemId));
  return {
    outstandingUploads,
    takeSnapshot,
    uploadFiles,
    commitUpload,
    announceUpload,
    closeUpload,
    dropUpload,
    handOver,
  };
}

async function deliverOutstanding(
  systemId: string,
  agent: AgentSteps,
  progress: ProgressTracker,
): Promise<void> {
  for (const uploadId of await agent.outstandingUploads()) {
    const ref = { systemId, uploadId };
    try {
      await deliver(ref, agent, progress);
    } catch (error) {
      if (!isReplaced(error)) throw error;
      // It can never be delivered, and the snapshot below holds the whole databases: nothing is lost with it.
      log.warn('dropping an upload from the outbox', ref);
      await agent.dropUpload(ref);
    }
  }
}

async function uploadNow(
  systemId: string,
  agent: AgentSteps,
  progress: ProgressTracker,
): Promise<UploadMemoryResult> {
  // Made here and not in an activity, so that each attempt at a step means the same upload.
  const ref = { systemId, uploadId: ulid(Date.now(), Math.random) };
  progress.enter('snapshot', { uploadId: ref.uploadId, total: null });
  const snapshot = await agent.takeSnapshot(ref);
  const transfer = await deliver(ref, agent, progress, snapshot.files);
  return {
    uploadId: ref.uploadId,
    filesUploaded: transfer.files,
    bytesTransferred: transfer.bytes,
    omitted: snapshot.omitted,
  };
}

async function deliver(
  ref: UploadRef,
  agent: AgentSteps,
  progress: ProgressTracker,
  files: number | null = null,
): Promise<TransferSummary> {
  progress.enter('transfer', { uploadId: ref.uploadId, total: files });
  const transfer = await agent.uploadFiles(ref);
  progress.advance(transfer.files.length);
  await agent.commitUpload(ref);
  await agent.announceUpload(ref);
  await agent.closeUpload(ref);
  await tellServer(ref, agent);
  return transfer;
}

/**
 * Spares the upload the wait for the server's next poll. Whether it works does not matter: the inbox entry stands, and
 * is found also by a server that is down now. So it gets a few seconds, and its failure is not the upload's.
 */
async function tellServer(ref: UploadRef, agent: AgentSteps): Promise<void> {
  try {
    await agent.handOver(ref);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.info('the server was not told; it will find the upload by its inbox entry', { ...ref, error });
  }
}

/** The upload's id is taken by other content, for good. */
function isReplaced(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === 'UploadReplaced'
  );
}
