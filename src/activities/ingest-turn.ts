import {
  addIngested,
  AkoshaError,
  messageOf,
  NO_TOTALS,
  type IngestedInTurn,
  type IngestSummary,
  type UploadRef,
} from '../contract/index.js';
import { ingestUpload, type IngestContext } from '../ingest/index.js';
import type { ActivityTools } from './run-activity.js';

/**
 * A system's small uploads share an activity, which costs Temporal as much CPU as one of them costs us. Short, because the other systems
 * wait for the slot meanwhile. Under load, when one of them takes that long alone, so many share it all the same, unless they take too long together.
 */
const TURN = { ms: 2_000, uploads: 4, longestMs: 10_000 };

export interface TurnDeps {
  ingest: IngestContext;
  nextUpload: (systemId: string) => Promise<UploadRef | null>;
  onIngested: (summary: IngestSummary, ms: number) => void;
  /** Raised as soon as the process is told to stop, some seconds before the activities are. */
  stopping: AbortSignal;
  log?: { warn(details: Record<string, unknown>, message: string): void };
  /** How long a turn lasts, and for how many uploads at least, if those do not take too long. */
  turn?: typeof TURN;
}

/**
 * Ingests an upload, and then its system's next ones, in order, for as long as the turn lasts. Raises where the first one fails; a later
 * one that fails is the next turn's first.
 *
 * None is begun once the process is told to stop: the grace is for what is in hand. A turn that was on its way to the worker then is
 * handed back whole, as `StoreClosed`, for the next process.
 */
export async function ingestInTurn(
  deps: TurnDeps,
  ref: UploadRef,
  tools: ActivityTools,
): Promise<IngestSummary & IngestedInTurn> {
  if (deps.stopping.aborted) {
    throw new AkoshaError('StoreClosed', `upload ${ref.uploadId} was not begun: the server is shutting down`);
  }
  const { ms, uploads, longestMs } = deps.turn ?? TURN;
  const began = performance.now();
  const isOver = (done: number): boolean => {
    if (deps.stopping.aborted || tools.signal.aborted) return true;
    const spent = performance.now() - began;
    return spent >= longestMs || (spent >= ms && done >= uploads);
  };
  const first = await ingestOne(deps, ref, tools);
  let next: UploadRef | null | undefined;
  let further: IngestedInTurn['further'];
  try {
    next = await deps.nextUpload(ref.systemId);
    for (let done = 1; next !== null && !isOver(done); done++) {
      const totals = addIngested(further?.totals ?? NO_TOTALS, await ingestOne(deps, next, tools));
      further = { lastUploadId: next.uploadId, totals };
      next = undefined;
      next = await deps.nextUpload(ref.systemId);
    }
  } catch (error) {
    // What is through is told: an activity that failed would be asked for it again.
    deps.log?.warn({ systemId: ref.systemId, reason: messageOf(error) }, 'a turn of ingest ended early');
  }
  return {
    ...first,
    ...(next === undefined ? {} : { next }),
    ...(further === undefined ? {} : { further }),
  };
}

async function ingestOne(
  { ingest, onIngested }: TurnDeps,
  ref: UploadRef,
  { signal, report }: ActivityTools,
): Promise<IngestSummary> {
  const started = performance.now();
  const onStep = (step: string): void => report({ step, uploadId: ref.uploadId });
  const summary = await ingestUpload(ingest, ref, { signal, onStep });
  onIngested(summary, performance.now() - started);
  return summary;
}
