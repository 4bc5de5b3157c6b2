import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  log,
  patched,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';
import { ulid } from 'ulid';
import {
  agentOptions,
  cancelOptions,
  handOverOptions,
  noticeOptions,
  SIGNALS,
  transferOptions,
  type AgentActivities,
  type StoreActivities,
  type TransferProgress,
  type TransferSummary,
  type UploadMemoryInput,
  type UploadMemoryResult,
  type UploadRef,
  type WaitingUpload,
} from '../contract/index.js';
import { listenFor } from './doorbell.js';
import { isTimeForNewRun } from './next-run.js';
import { trackProgress, type ProgressTracker } from './progress.js';

export const syncRequestedSignal = defineSignal(SIGNALS.syncRequested);
export const transferProgressSignal = defineSignal<[TransferProgress]>(SIGNALS.transferProgress);

/**
 * Carries a host's databases to object storage: a fresh snapshot, and whatever else waits in its outbox, in order. A request
 * that comes after the snapshot began is answered by another one, so whoever asks gets what stood there when they asked. A run
 * that nobody asked, started for what waits, takes no snapshot. A cancelled run ends what waits, and clears away what was sent of it.
 */
export async function uploadMemory({ systemId }: UploadMemoryInput): Promise<UploadMemoryResult> {
  const request = listenFor(syncRequestedSignal, 'Asks for an upload of the databases as they are now.');
  const progress = trackProgress('files', { systemId });
  setHandler(transferProgressSignal, (sent) => progress.transferred(sent), {
    description: 'How far the transfer is; sent by the activity that does it.',
  });
  const agent = agentSteps(systemId);

  for (;;) {
    const result = await uploadAndTell({ systemId, agent, progress, notices: { wanted: false }, ...request });
    if (!request.rang()) {
      progress.finish(describe(result));
      // Nothing is awaited from the look on, so a request is either seen or makes the server hand out the task again.
      return result;
    }
    if (isTimeForNewRun()) await continueAsNew<typeof uploadMemory>({ systemId });
  }
}

type AgentSteps = ReturnType<typeof agentSteps>;

function agentSteps(systemId: string) {
  const { readOutbox, closeUpload, dropUpload } = proxyActivities<AgentActivities>(agentOptions(systemId));
  const { takeSnapshot, deliverUpload } = proxyActivities<AgentActivities>(transferOptions(systemId));
  const { cancelUploads } = proxyActivities<AgentActivities>(cancelOptions(systemId));
  const { handOver } = proxyActivities<StoreActivities>(handOverOptions(systemId));
  const { sendNotices } = proxyActivities<AgentActivities>(noticeOptions(systemId));
  return {
    ...{ readOutbox, takeSnapshot, deliverUpload, closeUpload, dropUpload, cancelUploads },
    ...{ handOver, sendNotices },
  };
}

interface Round {
  systemId: string;
  agent: AgentSteps;
  progress: ProgressTracker;
  /** Whether the host has somebody to be told of the end, as far as it is known. */
  notices: { wanted: boolean };
  reset: () => void;
  rang: () => boolean;
}

/** Runs that began before there were notices end without one. */
const NOTICES_PATCH = 'notices';

/**
 * However it ends, somebody may be told of it. Of a cancelled run the agent tells by itself: whoever cancels is not to wait for a receiver
 * that is away.
 */
async function uploadAndTell(round: Round): Promise<UploadMemoryResult> {
  try {
    const result = await uploadOnce(round);
    await tellReceiver(round);
    return result;
  } catch (error) {
    if (!isCancellation(error)) await tellReceiver(round);
    throw error;
  }
}

/**
 * Not longer than until somebody asks for the next upload: that is not to wait for a receiver that is away. What is left untold the agent
 * tells by itself, so a failure here is not the upload's.
 */
async function tellReceiver({ systemId, agent, notices, rang }: Round): Promise<void> {
  if (!notices.wanted || !patched(NOTICES_PATCH)) return;
  const told = agent.sendNotices().catch((error: unknown) => {
    log.info('nobody was told; the agent tries again', { systemId, error });
  });
  const nextAsked = condition(rang).catch(() => undefined);
  await Promise.race([told, nextAsked]);
}

async function uploadOnce(round: Round): Promise<UploadMemoryResult> {
  // Made here and not in an activity, so that each attempt at a step means the same upload.
  const ref = { systemId: round.systemId, uploadId: ulid(Date.now(), Math.random) };
  try {
    round.progress.enter('outbox');
    const { uploads, requested, notices } = await round.agent.readOutbox();
    round.notices.wanted = notices === true;
    const last = uploads.at(-1);
    if (round.rang() || requested || last === undefined) return await snapshotAndDeliver(ref, round);
    const { transfers } = await deliverAll(uploads, round);
    return resultOf(last.uploadId, transfers.get(last.uploadId));
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => cancel(ref, round));
    throw error;
  }
}

async function snapshotAndDeliver(ref: UploadRef, round: Round): Promise<UploadMemoryResult> {
  const { agent, progress, reset } = round;
  reset();
  progress.enter('snapshot', { uploadId: ref.uploadId, total: null });
  const { status, uploadId, files, bytes, rows, omitted } = await agent.takeSnapshot(ref);
  const { uploads } = await agent.readOutbox();
  const { transfers, replaced } = await deliverAll(uploads, round);
  if (status === 'unchanged') return { ...resultOf(uploadId), status, rows, omitted };
  // A fresh id: whoever asked gets another snapshot.
  if (replaced.has(uploadId)) return uploadOnce(round);
  const own = transfers.get(uploadId) ?? (await deliver({ uploadId, files, bytes }, round));
  return { ...resultOf(uploadId, own), rows, omitted };
}

/** Where the transfer is unknown, nothing was sent. */
function resultOf(uploadId: string, transfer?: TransferSummary): UploadMemoryResult {
  return {
    status: 'delivered',
    uploadId: transfer?.uploadId ?? uploadId,
    method: transfer?.method ?? null,
    filesUploaded: transfer?.files ?? [],
    bytesTransferred: transfer?.bytes ?? 0,
    rows: {},
    omitted: [],
  };
}

interface Deliveries {
  transfers: Map<string, TransferSummary>;
  /** Uploads that could never be delivered, and were dropped. */
  replaced: Set<string>;
}

async function deliverAll(uploads: readonly WaitingUpload[], round: Round): Promise<Deliveries> {
  const { systemId, agent } = round;
  const transfers = new Map<string, TransferSummary>();
  const replaced = new Set<string>();
  for (const upload of uploads) {
    const { uploadId } = upload;
    try {
      transfers.set(uploadId, await deliver(upload, round));
    } catch (error) {
      const reason = whyReplaced(error);
      if (reason === undefined) throw error;
      log.warn('dropping an upload from the outbox', { systemId, uploadId });
      await agent.dropUpload({ systemId, uploadId, reason });
      replaced.add(uploadId);
    }
  }
  return { transfers, replaced };
}

async function deliver({ uploadId, files, bytes }: WaitingUpload, round: Round): Promise<TransferSummary> {
  const { systemId, agent, progress } = round;
  progress.enter('transfer', { uploadId, total: files, bytes: 0, totalBytes: bytes });
  const transfer = await agent.deliverUpload({ systemId, uploadId });
  progress.advance(transfer.files.length);
  const delivered = { systemId, uploadId: transfer.uploadId };
  await agent.closeUpload(delivered);
  await tellServer(delivered, agent);
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

/** A host that is off has nothing under way to clear up; what waits there goes on when it is back. */
async function cancel(ref: UploadRef, { agent, progress }: Round): Promise<void> {
  progress.enter('cancel');
  try {
    await agent.cancelUploads(ref);
  } catch (error) {
    log.warn('the cancelled upload was not cleared up', { ...ref, error });
  }
}

/** The upload's id is taken by other content, for good. */
function whyReplaced(error: unknown): string | undefined {
  const replaced =
    error instanceof ActivityFailure &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === 'UploadReplaced';
  return replaced ? error.cause.message : undefined;
}

function describe({ status, uploadId, method, filesUploaded, bytesTransferred }: UploadMemoryResult): string {
  if (status === 'unchanged') return `nothing has changed since upload \`${uploadId}\``;
  const by = method === null ? '' : ` by ${method}`;
  return `upload \`${uploadId}\` delivered${by}: ${filesUploaded.length} files, ${bytesTransferred} bytes`;
}
