import { historyToJSON, type History } from '@temporalio/common/lib/proto-utils.js';
import { z } from 'zod';

const Named = z.looseObject({ name: z.string() });
const Failure = z.looseObject({
  message: z.string().default(''),
  applicationFailureInfo: z.looseObject({ type: z.string().default('') }).optional(),
  timeoutFailureInfo: z.looseObject({ timeoutType: z.string().default('') }).optional(),
  cause: z.looseObject({ message: z.string().default('') }).optional(),
});
const Closed = z.looseObject({ scheduledEventId: z.string(), failure: Failure.optional() });

/** The fields of events that steps are made of, in the JSON form that all of Temporal's tools have in common. */
const Event = z.looseObject({
  eventId: z.string(),
  eventTime: z.string(),
  eventType: z.string().transform((type) => type.replace(/^EVENT_TYPE_/, '')),
  workflowExecutionStartedEventAttributes: z
    .looseObject({ workflowType: Named, continuedExecutionRunId: z.string().optional() })
    .optional(),
  workflowExecutionSignaledEventAttributes: z.looseObject({ signalName: z.string() }).optional(),
  activityTaskScheduledEventAttributes: z.looseObject({ activityType: Named }).optional(),
  activityTaskStartedEventAttributes: z
    .looseObject({
      scheduledEventId: z.string(),
      attempt: z.number().default(1),
      lastFailure: Failure.optional(),
    })
    .optional(),
  activityTaskCompletedEventAttributes: Closed.optional(),
  activityTaskFailedEventAttributes: Closed.optional(),
  activityTaskTimedOutEventAttributes: Closed.optional(),
  activityTaskCanceledEventAttributes: Closed.optional(),
  timerStartedEventAttributes: z.looseObject({ startToFireTimeout: z.string() }).optional(),
  timerFiredEventAttributes: z.looseObject({ startedEventId: z.string() }).optional(),
  timerCanceledEventAttributes: z.looseObject({ startedEventId: z.string() }).optional(),
  workflowTaskFailedEventAttributes: z.looseObject({ failure: Failure.optional() }).optional(),
  workflowExecutionFailedEventAttributes: z.looseObject({ failure: Failure.optional() }).optional(),
  workflowExecutionContinuedAsNewEventAttributes: z.looseObject({ newExecutionRunId: z.string() }).optional(),
  markerRecordedEventAttributes: z.looseObject({ markerName: z.string() }).optional(),
});

export type HistoryEvent = z.output<typeof Event>;
export type EventFailure = z.output<typeof Failure>;

const Recorded = z.object({ events: z.array(Event).min(1) });

/** A history's events in plain JSON: times in ISO 8601, durations in seconds with an `s`, numbers of events as text. */
export function readEvents(history: History): HistoryEvent[] {
  return Recorded.parse(JSON.parse(historyToJSON(history))).events;
}
