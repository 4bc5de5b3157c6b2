import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';

/** Set by Temporal on the runs that a schedule starts, and kept over a continue-as-new. */
const SCHEDULED_START = defineSearchAttributeKey('TemporalScheduledStartTime', SearchAttributeType.DATETIME);

/**
 * The time that the schedule meant this run for, milliseconds since 1970: a run that is caught up on, or backfilled, begins long after it.
 * Undefined where no schedule started the run.
 */
export function scheduledStart(): number | undefined {
  return workflowInfo().typedSearchAttributes.get(SCHEDULED_START)?.getTime();
}

/** Of the run's day in UTC, as `2026-11-22`; undefined as above. */
export function scheduledDay(): string | undefined {
  const start = scheduledStart();
  return start === undefined ? undefined : new Date(start).toISOString().slice(0, 10);
}
