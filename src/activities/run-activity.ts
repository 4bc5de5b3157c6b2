import { activityInfo, ApplicationFailure, Context } from '@temporalio/activity';
import { isAkoshaError } from '../contract/index.js';

/** Where the work is; small plain JSON, shown with the pending activity and kept for its next attempt. */
export type StepDetails = Record<string, string | number>;

export interface ActivityTools {
  /** Raised where the workflow is cancelled, the attempt has timed out, or the worker is told to stop and its grace is over. */
  signal: AbortSignal;
  report: (details: StepDetails) => void;
}

/**
 * Runs a plain function as an activity: sends heartbeats while it works, hands it the signal to stop, and translates what
 * it throws to what Temporal understands.
 *
 * The heartbeats come from a timer, so they prove that the process lives and not that the work proceeds; the bound
 * on work that hangs is the start-to-close timeout.
 */
export async function runActivity<T>(work: (tools: ActivityTools) => Promise<T>): Promise<T> {
  const context = Context.current();
  const { cancellationSignal: signal } = context;
  let details: StepDetails = { step: 'start' };
  const beat = setInterval(() => context.heartbeat(details), heartbeatInterval());
  try {
    return await work({ signal, report: (next) => void (details = next) });
  } catch (error) {
    throw translate(error, signal);
  } finally {
    clearInterval(beat);
  }
}

/** A third of the timeout: two may be late before the server gives the attempt up. */
function heartbeatInterval(): number {
  const { activityType, heartbeatTimeoutMs } = activityInfo();
  if (heartbeatTimeoutMs === undefined || heartbeatTimeoutMs === 0) {
    throw new Error(`activity ${activityType} has no heartbeat timeout: give it one in activity-options.ts`);
  }
  return heartbeatTimeoutMs / 3;
}

/** The wait that whoever raised an error asks for before the next attempt, in milliseconds. */
const waits = new WeakMap<object, number>();

/** Has Temporal wait so long before the next attempt, instead of what the retry policy says. Returns the error. */
export function retryAfter(error: unknown, waitMs: number): unknown {
  if (typeof error === 'object' && error !== null && waitMs > 0) waits.set(error, waitMs);
  return error;
}

/**
 * Sends a signal to the workflow that this activity belongs to. Not waited for, and lost where it fails: a workflow that has ended, or
 * Temporal away.
 */
export function tellWorkflow(signal: string, content: object): void {
  const context = Context.current();
  const tell = async (): Promise<void> => {
    const { workflowExecution } = context.info;
    if (workflowExecution === undefined) return;
    const { workflowId, runId } = workflowExecution;
    await context.client.workflow.getHandle(workflowId, runId).signal(signal, content);
  };
  tell().catch(() => undefined);
}

function translate(error: unknown, signal: AbortSignal): unknown {
  // Whatever the work threw when it was told to stop, it stopped. The reason is Temporal's own `CancelledFailure`, by which
  // the server tells a cancelled workflow from a worker that hands its work back.
  if (signal.aborted) return signal.reason;
  if (!isAkoshaError(error)) return error;
  return ApplicationFailure.create({
    type: error.type,
    message: error.message,
    nonRetryable: error.permanent,
    details: [error.details],
    ...nextRetryDelay(error),
    ...(error.cause instanceof Error ? { cause: error.cause } : {}),
  });
}

function nextRetryDelay(error: object): { nextRetryDelay?: number } {
  const wait = waits.get(error);
  return wait === undefined ? {} : { nextRetryDelay: wait };
}
