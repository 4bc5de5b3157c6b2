import type { Divergence } from '../../workers/replay.js';
import { readEvents, type HistoryEvent } from './events.js';
import type { RecordedRun } from './history.js';
import { stepsOf, type Step } from './steps.js';

export interface ReplayAnswer {
  workflow_id: string;
  run_id: string | null;
  workflow_type: string;
  events: number;
  replays: boolean;
  divergence: { event: number; expected: string; got: string; message: string } | null;
  steps: Step[];
}

/** What a run did, and whether the workflows of this program would do the same. */
export function describeReplay(run: RecordedRun, divergence: Divergence | undefined): ReplayAnswer {
  const events = readEvents(run.history);
  return {
    workflow_id: run.workflowId,
    run_id: run.runId,
    workflow_type: events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name ?? '',
    events: events.length,
    replays: divergence === undefined,
    divergence: divergence === undefined ? null : explain(divergence, events),
    steps: stepsOf(events),
  };
}

function explain({ eventId, message }: Divergence, events: readonly HistoryEvent[]) {
  const event = events[eventId - 1];
  return {
    event: eventId,
    expected: event === undefined ? '' : nameOf(event),
    got: whatCame(message),
    message,
  };
}

/** `ActivityTaskScheduled closeUpload`. */
function nameOf(event: HistoryEvent): string {
  const type = event.eventType
    .toLowerCase()
    .replaceAll(/(^|_)([a-z])/g, (_, _gap, letter: string) => letter.toUpperCase());
  const name =
    event.activityTaskScheduledEventAttributes?.activityType.name ??
    event.timerStartedEventAttributes?.startToFireTimeout ??
    event.markerRecordedEventAttributes?.markerName;
  return name === undefined ? type : `${type} ${name}`;
}

/** The sentences of Temporal's core that say what the workflow did instead; any other is given as it is. */
function whatCame(message: string): string {
  const other = /does not match (\w+) \w+ of \w+ command '([^']*)'/.exec(message);
  if (other !== null) return `${other[1] ?? ''} ${other[2] ?? ''}`;
  const machine = /^(.+) machine does not handle this event/.exec(message);
  if (machine !== null) return (machine[1] ?? '').toLowerCase();
  return /^No command scheduled for event/.test(message) ? 'nothing' : message;
}
