import type { EventFailure, HistoryEvent } from './events.js';

/** What a workflow did or was told, as a person tells it: an activity is one step, however many events it took. */
export interface Step {
  /** Number of the event that began it. */
  event: number;
  /** ISO 8601. */
  at: string;
  step: string;
  name: string;
  /** Milliseconds from its being asked for to its end; null where it has none yet, or takes no time. */
  took_ms: number | null;
  /** Of an activity; null of anything else. */
  attempts: number | null;
  /** `running` where the history does not tell the end. */
  outcome: string;
}

/** Events that a step follows from by themselves, with what they are called. Others are the machinery's, or a step's end. */
const PLAIN: Readonly<Record<string, string>> = {
  WORKFLOW_EXECUTION_COMPLETED: 'completed',
  WORKFLOW_EXECUTION_FAILED: 'failed',
  WORKFLOW_EXECUTION_TIMED_OUT: 'timed out',
  WORKFLOW_EXECUTION_CANCELED: 'cancelled',
  WORKFLOW_EXECUTION_TERMINATED: 'terminated',
  WORKFLOW_EXECUTION_CANCEL_REQUESTED: 'cancel requested',
  WORKFLOW_EXECUTION_CONTINUED_AS_NEW: 'continued as new',
  WORKFLOW_TASK_FAILED: 'workflow task failed',
  WORKFLOW_TASK_TIMED_OUT: 'workflow task timed out',
};

/** The steps of a history, in the order in which they began. */
export function stepsOf(events: readonly HistoryEvent[]): Step[] {
  const steps = new Map<string, Step>();
  for (const event of events) {
    const began = beginningOf(event);
    if (began !== undefined) steps.set(event.eventId, began);
    else continueStep(steps, event);
  }
  return [...steps.values()];
}

function beginningOf(event: HistoryEvent): Step | undefined {
  const {
    workflowExecutionStartedEventAttributes: started,
    workflowExecutionSignaledEventAttributes: signal,
  } = event;
  const { activityTaskScheduledEventAttributes: activity, timerStartedEventAttributes: timer } = event;
  const { markerRecordedEventAttributes: marker } = event;
  if (started) {
    const before = started.continuedExecutionRunId;
    return step(event, 'started', started.workflowType.name, before ? `continues run ${before}` : '');
  }
  if (signal) return step(event, 'signal', signal.signalName);
  if (activity) return { ...step(event, 'activity', activity.activityType.name, 'running'), attempts: 0 };
  if (timer) return step(event, 'timer', timer.startToFireTimeout, 'running');
  if (marker) return step(event, 'marker', marker.markerName);
  const plain = PLAIN[event.eventType];
  return plain === undefined ? undefined : step(event, plain, '', endOf(event));
}

function step(event: HistoryEvent, what: string, name: string, outcome = ''): Step {
  return {
    event: Number(event.eventId),
    at: new Date(event.eventTime).toISOString(),
    step: what,
    name,
    took_ms: null,
    attempts: null,
    outcome,
  };
}

function endOf(event: HistoryEvent): string {
  const next = event.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  if (next !== undefined) return `in run ${next}`;
  const { workflowExecutionFailedEventAttributes: failed, workflowTaskFailedEventAttributes: taskFailed } =
    event;
  return describeFailure(failed?.failure ?? taskFailed?.failure);
}

/** Puts down in an activity or a timer what a later event says of it. */
function continueStep(steps: ReadonlyMap<string, Step>, event: HistoryEvent): void {
  const { activityTaskStartedEventAttributes: started } = event;
  if (started) {
    const activity = steps.get(started.scheduledEventId);
    if (activity === undefined) return;
    activity.attempts = started.attempt;
    if (started.lastFailure)
      activity.outcome = `running; attempt before: ${describeFailure(started.lastFailure)}`;
    return;
  }
  const closed = closing(event);
  const closedStep = closed && steps.get(closed.of);
  if (closed === undefined || closedStep === undefined) return;
  const before = closedStep.outcome.replace(/^running(; )?/, '');
  closedStep.outcome = [closed.outcome, before].filter((part) => part !== '').join('; ');
  closedStep.took_ms = Date.parse(event.eventTime) - Date.parse(closedStep.at);
}

function closing(event: HistoryEvent): { of: string; outcome: string } | undefined {
  const { activityTaskCompletedEventAttributes: completed, activityTaskCanceledEventAttributes: cancelled } =
    event;
  const { activityTaskFailedEventAttributes: failed, activityTaskTimedOutEventAttributes: timedOut } = event;
  const { timerFiredEventAttributes: fired, timerCanceledEventAttributes: stopped } = event;
  if (completed) return { of: completed.scheduledEventId, outcome: 'completed' };
  if (cancelled) return { of: cancelled.scheduledEventId, outcome: 'cancelled' };
  if (failed) return { of: failed.scheduledEventId, outcome: `failed: ${describeFailure(failed.failure)}` };
  if (timedOut)
    return { of: timedOut.scheduledEventId, outcome: `timed out: ${describeFailure(timedOut.failure)}` };
  if (fired) return { of: fired.startedEventId, outcome: 'fired' };
  if (stopped) return { of: stopped.startedEventId, outcome: 'cancelled' };
  return undefined;
}

function describeFailure(failure: EventFailure | undefined): string {
  if (failure === undefined) return '';
  const type = failure.applicationFailureInfo?.type ?? '';
  const text = failure.message === '' ? (failure.cause?.message ?? '') : failure.message;
  return [type, text].filter((part) => part !== '').join(': ');
}
