import {
  addIngested,
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
  /** Default 2,000 ms. */
  turnMs?: number;
}

/**
 * Ingests an upload, and then its system's next ones, in order, for as long as the turn lasts. Raises where the first one fails; a later
 * one that fails is the next turn's first.
 */
export async function ingestInTurn(
  deps: TurnDeps,
  ref: UploadRef,
  tools: ActivityTools,
): Promise<IngestSummary & IngestedInTurn> {
  const began = performance.now();
  const first = await ingestOne(deps, ref, tools);
  let next = await deps.nextUpload(ref.systemId);
  let totals = NO_TOTALS;
  let last: string | undefined;
  while (next !== null && performance.now() - began < (deps.turnMs ?? TURN_MS) && !tools.signal.aborted) {
    try {
      totals = addIngested(totals, await ingestOne(deps, next, tools));
    } catch {
      break;
    }
    last = next.uploadId;
    next = await deps.nextUpload(ref.systemId);
  }
  return { ...first, next, ...(last === undefined ? {} : { further: { lastUploadId: last, totals } }) };
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
