import { setTimeout as sleep } from 'node:timers/promises';
import { clockFrom, type Settings } from '../config/index.js';
import { messageOf, type RowCounts } from '../contract/index.js';
import { broughtNothing } from '../memory/index.js';
import { findRunning } from '../runtime/index.js';
import { agentRuns } from '../runtime/lock-owner.js';
import {
  flushDirectly,
  hasEnded,
  outcomeOf,
  sendNoticesQuietly,
  waitAtServer,
  waitForReceipt,
  withUnsent,
  writeRequest,
  type NewRequest,
  type RequestOutcome,
  type ServerReceipt,
} from '../upload/index.js';
import { openAgentParts, useLocalS3Credentials, type AgentParts } from '../processes/host.js';
import { withProgressBar } from './progress-bar.js';

/** What became of a request; the first seven are the original's `sync_to_akosha`'s, `error` included. */
export interface SyncAnswer {
  /** By which it went; before that, the one that is asked for. */
  method: string;
  success: boolean;
  upload_id: string | null;
  status: 'requested' | 'uploaded' | 'ingested' | 'unchanged' | 'quarantined' | 'cancelled' | 'failed';
  files_uploaded: string[];
  bytes_transferred: number;
  duration_seconds: number;
  error: string | null;
  rows: RowCounts | null;
  /** Why it is not known what became of an upload, where that was waited for and cannot be learnt. */
  reason: string | null;
}

export interface SyncOptions {
  /**
   * For what to wait where an agent does the work: `delivery` for the upload, but not as for a failure where it takes longer; `receipt`
   * also for what became of it in the server.
   */
  wait: 'no' | 'delivery' | 'receipt';
  /** Upload from this process, also where an agent runs. */
  direct: boolean;
  timeoutSeconds: number;
  /** The terminal for a progress bar. */
  progress: NodeJS.WriteStream | undefined;
}

/**
 * Asks for an upload of this host's databases, and answers what became of that. The request is on disk before anything else; it is
 * answered by the agent where one runs, else here. Raises nothing: what goes wrong is in the answer.
 */
export async function requestSync(
  settings: Settings,
  request: NewRequest,
  options: SyncOptions,
): Promise<SyncAnswer> {
  const started = performance.now();
  const asked = { ...NOTHING_YET, method: request.forceMethod ?? settings.forceMethod };
  const answer = await answered(settings, request, asked, options).catch((error: unknown): SyncAnswer => ({
    ...asked,
    success: false,
    status: 'failed',
    error: messageOf(error),
  }));
  return { ...answer, duration_seconds: (performance.now() - started) / 1000 };
}

const NOTHING_YET: Omit<SyncAnswer, 'method'> = {
  success: true,
  upload_id: null,
  status: 'requested',
  files_uploaded: [],
  bytes_transferred: 0,
  duration_seconds: 0,
  error: null,
  rows: null,
  reason: null,
};

async function answered(
  settings: Settings,
  request: NewRequest,
  asked: SyncAnswer,
  options: SyncOptions,
): Promise<SyncAnswer> {
  const requestId = writeRequest(settings.dataDir, request);
  const parts = await openParts(settings);
  try {
    return await answerTo(requestId, asked, parts, options);
  } finally {
    await parts.close();
  }
}

/** The object store of the program that runs on this data folder may be one that it started itself. */
export async function openParts(settings: Settings): Promise<AgentParts> {
  await useLocalS3Credentials(settings.dataDir);
  const running = await findRunning(settings.dataDir);
  const effective = running === undefined ? settings : { ...settings, objectStore: running.object_store };
  const systemId = settings.systemId === undefined ? (running?.system_id ?? undefined) : undefined;
  return openAgentParts(effective, { now: clockFrom(effective), systemId });
}

async function answerTo(
  requestId: number,
  asked: SyncAnswer,
  parts: AgentParts,
  options: SyncOptions,
): Promise<SyncAnswer> {
  const { host } = parts;
  const { wait, timeoutSeconds } = options;
  const here = options.direct || !agentRuns(host.dataDir);
  if (!here && wait === 'no') return asked;
  const until = performance.now() + timeoutSeconds * 1000;
  const outcome = await withProgressBar({ dataDir: host.dataDir, out: options.progress }, async () => {
    if (here) await syncHere(host);
    return here ? outcomeOf(host.outbox, requestId) : followUntil(until, requestId, parts);
  });
  if (outcome === undefined) throw new Error('the outbox has forgotten the request');
  // The agent has it, and nothing has gone wrong with it yet.
  if (wait === 'delivery' && !here && !hasEnded(outcome) && outcome.lastError === null) return asked;
  const answer = { ...asked, ...describe(outcome) };
  if (answer.status !== 'uploaded' || wait !== 'receipt') return answer;
  return withReceipt(answer, outcome, parts, { until, seconds: timeoutSeconds });
}

/** A person waits, and the upload is done: a receiver that takes longer is told by the next agent. */
const NOTICE_MS = 5_000;

async function syncHere(host: AgentParts['host']): Promise<void> {
  await flushDirectly(host, { onlyDue: false });
  await sendNoticesQuietly(host, { signal: AbortSignal.timeout(NOTICE_MS) });
}

/** Another process answers the request, and notes in the outbox how far it is. */
const FOLLOW_MS = 200;

async function followUntil(
  until: number,
  requestId: number,
  { host }: AgentParts,
): Promise<RequestOutcome | undefined> {
  for (;;) {
    const outcome = outcomeOf(host.outbox, requestId);
    if (outcome === undefined || hasEnded(outcome) || performance.now() >= until) return outcome;
    await sleep(FOLLOW_MS);
  }
}

function describe(outcome: RequestOutcome): Partial<SyncAnswer> {
  const { state, lastError, uploadId, method } = outcome;
  const known = {
    upload_id: uploadId,
    files_uploaded: outcome.filesUploaded,
    bytes_transferred: outcome.bytesTransferred,
    ...(method === null ? {} : { method }),
  };
  switch (state) {
    case 'delivered':
      return { ...known, status: 'uploaded' };
    case 'unchanged':
      return { ...known, status: 'unchanged', rows: withUnsent(undefined, outcome) };
    case 'cancelled':
      return { ...known, success: false, status: 'cancelled', error: 'the upload was cancelled' };
    case 'failed':
      return { ...known, success: false, status: 'failed', error: lastError };
    default: {
      const why = lastError ?? 'it is not delivered yet';
      return { ...known, success: false, error: `${why}; it waits in the outbox (akosha status)` };
    }
  }
}

async function withReceipt(
  answer: SyncAnswer,
  outcome: RequestOutcome,
  { host }: AgentParts,
  { until, seconds }: { until: number; seconds: number },
): Promise<SyncAnswer> {
  const receipt = await receiptOf(host, outcome, until - performance.now());
  if (receipt === undefined) {
    const error = `no receipt after ${seconds} s: is a server running? (--timeout)`;
    return { ...answer, success: false, error };
  }
  const { status, reason } = receipt;
  if (status === 'unknown') return { ...answer, reason };
  const rows = withUnsent(receipt.rows, outcome);
  if (status === 'quarantined') return { ...answer, success: false, status, error: reason, rows };
  return { ...answer, status: broughtNothing(rows) ? 'unchanged' : 'ingested', rows };
}

/** From the object store, or from the server where that keeps the upload under ids of its own. */
async function receiptOf(
  { methods, systemId, uploads }: AgentParts['host'],
  { method, uploadId: id }: RequestOutcome,
  timeoutMs: number,
): Promise<ServerReceipt | undefined> {
  const uploadId = id ?? '';
  const way = methods.find(({ name }) => name === method);
  // The agent may run with other settings than this process.
  if (way === undefined && method !== null)
    return { status: 'unknown', reason: `it went by ${method}, which is not configured here` };
  if (way?.askAfter !== undefined) return waitAtServer(way.askAfter, uploadId, { timeoutMs });
  return waitForReceipt(uploads, { systemId, uploadId }, { timeoutMs });
}
