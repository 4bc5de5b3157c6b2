import { ScheduleOverlapPolicy, type ScheduleSpec } from '@temporalio/client';
import {
  DAILY_INGEST_TEXTS,
  MAINTENANCE_TEXTS,
  RESTORE_DRILL_TEXTS,
  SCRUB_TEXTS,
  TIER_TRANSITION_TEXTS,
} from '../client/index.js';
import {
  fairnessOf,
  MAINTENANCE,
  SCHEDULE_IDS,
  WALK_PRIORITY,
  WORKFLOWS,
  type PriorityRules,
} from '../contract/index.js';

export type ScheduleId = (typeof SCHEDULE_IDS)[keyof typeof SCHEDULE_IDS];

export interface ScheduleDefinition {
  scheduleId: ScheduleId;
  /** What it is for; shown beside it in Temporal's page and by `akosha schedules`. */
  purpose: string;
  workflowType: string;
  /** Temporal appends the time of the run. */
  workflowId: string;
  staticSummary: string;
  staticDetails: string;
  /** The same as that of a run that a person asks for. */
  priority: PriorityRules;
  spec: ScheduleSpec;
  /** What happens where the run before is still under way. */
  overlap: ScheduleOverlapPolicy;
  /** How late a run may start that fell due while Temporal was down, in milliseconds. */
  catchupWindow: number;
}

const HOUR = 3_600_000;

/** Every schedule, in one table. */
export const SCHEDULES: readonly ScheduleDefinition[] = [
  {
    scheduleId: SCHEDULE_IDS.dailyIngest,
    purpose: 'Finds uploads of hosts that write no inbox entry, and those whose entry was lost.',
    workflowType: WORKFLOWS.dailyIngest,
    workflowId: 'daily-ingest',
    ...DAILY_INGEST_TEXTS,
    priority: WALK_PRIORITY,
    spec: { calendars: [{ hour: 0, minute: 0, comment: 'midnight, UTC' }], timezone: 'UTC' },
    // A walk that takes longer than a day is followed by one more, and not by a heap of them.
    overlap: ScheduleOverlapPolicy.BUFFER_ONE,
    // Raw uploads are kept for 7 days, so a walk that late still finds all there is; the days missed count as one run.
    catchupWindow: 7 * 24 * HOUR,
  },
  {
    scheduleId: SCHEDULE_IDS.tierTransition,
    purpose: 'Moves memories that are old enough to the next tier.',
    workflowType: WORKFLOWS.tierTransition,
    workflowId: 'tier-transition',
    ...TIER_TRANSITION_TEXTS,
    priority: fairnessOf(MAINTENANCE),
    spec: { intervals: [{ every: HOUR }], timezone: 'UTC' },
    // Each run moves all that is due, so what one leaves out the next takes.
    overlap: ScheduleOverlapPolicy.SKIP,
    // The next run is never further away than that.
    catchupWindow: HOUR,
  },
  {
    scheduleId: SCHEDULE_IDS.maintenance,
    purpose: 'Deletes raw uploads whose days are over.',
    workflowType: WORKFLOWS.maintenance,
    workflowId: 'maintenance',
    ...MAINTENANCE_TEXTS,
    priority: fairnessOf(MAINTENANCE),
    // Days are what it counts in, but what was forgotten and is delivered again stands no longer than an hour. One with nothing to do is two look-ups.
    spec: { intervals: [{ every: HOUR }], timezone: 'UTC' },
    // Each run takes all that is due.
    overlap: ScheduleOverlapPolicy.SKIP,
    catchupWindow: HOUR,
  },
  {
    scheduleId: SCHEDULE_IDS.scrub,
    purpose: 'Compares objects, rows and placements, and stops moving where they differ.',
    workflowType: WORKFLOWS.scrub,
    workflowId: 'scrub',
    ...SCRUB_TEXTS,
    priority: fairnessOf(MAINTENANCE),
    // When few work, and hours from the walk of midnight.
    spec: {
      calendars: [{ dayOfWeek: 'SATURDAY', hour: 3, minute: 20, comment: 'weekly, UTC' }],
      timezone: 'UTC',
    },
    // One that takes longer than a week looks at all that the next one would.
    overlap: ScheduleOverlapPolicy.SKIP,
    // Late by days it still says what a week must not hide; later than that the next one is near.
    catchupWindow: 3 * 24 * HOUR,
  },
  {
    scheduleId: SCHEDULE_IDS.restoreDrill,
    purpose: 'Rebuilds the store from object storage into a scratch folder, and compares it.',
    workflowType: WORKFLOWS.restoreDrill,
    workflowId: 'restore-drill',
    ...RESTORE_DRILL_TEXTS,
    priority: fairnessOf(MAINTENANCE),
    // A day after the scrub, so that it copies what was looked at, and neither slows the other; hours from the walk of midnight.
    spec: {
      calendars: [{ dayOfWeek: 'SUNDAY', hour: 3, minute: 20, comment: 'weekly, UTC' }],
      timezone: 'UTC',
    },
    // Two would take the disk twice, and say the same.
    overlap: ScheduleOverlapPolicy.SKIP,
    // As for the scrub.
    catchupWindow: 3 * 24 * HOUR,
  },
];
