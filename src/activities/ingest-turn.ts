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
 * wait for the slot meanwhile.
 */
const TURN_MS = 2_000;

export interface TurnDeps {
  ingest: IngestContext;
  nextUpload: (systemId: string) => Promise<UploadRef | null>;
  onIngested: (summary: IngestSummary, ms: number) => void;
  /** Raised as soon as the process is told to stop, some seconds before the activities are. */
  stopping: AbortSignal;
  log?: { warn(details: Record<string, unknown>, message: string): void };
  /** Default 2,000 ms. */
  turnMs?: number;
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
  const began = performance.now();
  const isOver = (): boolean =>
    deps.stopping.aborted || tools.signal.aborted || performance.now() - began >= (deps.turnMs ?? TURN_MS);
  const first = await ingestOne(deps, ref, tools);
  let next: UploadRef | null | undefined;
  let further: IngestedInTurn['further'];
  try {
    next = await deps.nextUpload(ref.systemId);
    while (next !== null && !isOver()) {
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
