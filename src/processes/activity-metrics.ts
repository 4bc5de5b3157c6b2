import { activityInfo } from '@temporalio/activity';
import {
  SCHEDULE_IDS,
  secondsSince,
  type BatchSummary,
  type IngestSummary,
  type RetentionBatch,
  type StoreActivities,
  type SweepSummary,
} from '../contract/index.js';
import type { IngestEvents } from '../ingest/index.js';
import type { ScheduleId } from '../schedules/index.js';
import type { Backlog } from '../store/index.js';
import type { Metrics } from '../telemetry/index.js';

/** Counts what ingest tells of besides results: a quarantine counts once, whoever comes to it and however often it is told. */
export function ingestEvents(metrics: Metrics): IngestEvents {
  return {
    quarantined: () => metrics.ingestedUploads.inc({ status: 'quarantined' }),
    skipped: (prefix, names) => metrics.skippedNames.set({ prefix }, names),
  };
}

/** `now` is the system's clock, as the queue's times are: a host's may be wrong by years. */
export function setBacklog(metrics: Metrics, { uploads, oldest, quarantined }: Backlog, now: number): void {
  metrics.ingestionBacklog.set(uploads);
  metrics.oldestUploadAge.set(oldest === null ? 0 : secondsSince(oldest, now));
  metrics.quarantinedUploads.set(quarantined);
}

/** What work on the store came to, by whoever did it. Attempts that failed changed nothing. */
export interface WorkCounts {
  ingested(summary: IngestSummary, ms: number): void;
  moved(from: 'hot' | 'warm', batch: BatchSummary): void;
  swept(summary: SweepSummary): void;
  retired(batch: RetentionBatch): void;
}

const NEXT_TIER = { hot: 'warm', warm: 'cold' } as const;

export function countWork(metrics: Metrics): WorkCounts {
  return {
    ingested: ({ status, rows }, ms) => {
      // Whoever ended it counted it.
      if (status === 'already') return;
      metrics.ingestDuration.observe(ms / 1000);
      // A quarantine is counted where it happens.
      if (status !== 'quarantined') metrics.ingestedUploads.inc({ status });
      for (const [result, n] of counts(rows)) metrics.ingestedRows.inc({ result }, n);
    },
    moved: (from, { moved, held }) => {
      metrics.movedRows.inc({ from, to: NEXT_TIER[from] }, moved);
      for (const { reason, rows } of held ?? []) metrics.heldRows.inc({ from, reason }, rows);
    },
    swept: ({ rows, tables, objects }) => {
      for (const [what, n] of counts({ rows, tables, objects })) metrics.swept.inc({ what }, n);
    },
    retired: ({ deleted }) => metrics.deletedUploads.inc(deleted),
  };
}

/** Two run at once at the most, the schedule's and an operator's; those that fail leave theirs behind. */
const TRANSITIONS_KNOWN = 100;

/** When the transitions under way began, by the workflow on whose behalf an activity runs. */
class TransitionBegins {
  readonly #begunAt = new Map<string, number>();

  begin(begunAt: number): void {
    const workflowId = ownWorkflow();
    this.#begunAt.delete(workflowId);
    this.#begunAt.set(workflowId, begunAt);
    const [oldest] = this.#begunAt.keys();
    if (oldest !== undefined && this.#begunAt.size > TRANSITIONS_KNOWN) this.#begunAt.delete(oldest);
  }

  /** Undefined where it is of a given instant, or began in an earlier process: the next outage does it once more, which does no harm. */
  end(): number | undefined {
    const workflowId = ownWorkflow();
    const begunAt = this.#begunAt.get(workflowId);
    this.#begunAt.delete(workflowId);
    return begunAt;
  }
}

function ownWorkflow(): string {
  return activityInfo().workflowExecution?.workflowId ?? '';
}

/** Counts what the store's activities did, and marks when the work of a schedule was begun that came to its end. */
export function withMetrics(
  activities: StoreActivities,
  work: WorkCounts,
  mark: (scheduleId: ScheduleId, begunAt: number) => Promise<void>,
): StoreActivities {
  const transitions = new TransitionBegins();
  return {
    ...activities,
    walkPortion: async (input) => {
      const portion = await activities.walkPortion(input);
      const { systemId, begunAt } = portion.state;
      if (portion.done && systemId === null) await mark(SCHEDULE_IDS.dailyIngest, begunAt);
      return portion;
    },
    walkUploads: async (input) => {
      const begunAt = Date.now();
      const walk = await activities.walkUploads(input);
      if (input === undefined) await mark(SCHEDULE_IDS.dailyIngest, begunAt);
      return walk;
    },
    planTransition: async (input) => {
      // A late run moves what was due at its time, and one for the hour since is still due.
      const begunAt = Math.min(Date.now(), input.scheduledFor ?? Infinity);
      const plan = await activities.planTransition(input);
      // Only the first one of a transition asks for what is due as of now; the later ones, and continued runs, name its instant.
      if (input.asOf === null) transitions.begin(begunAt);
      return plan;
    },
    moveToWarm: async (input) => {
      const batch = await activities.moveToWarm(input);
      work.moved('hot', batch);
      return batch;
    },
    moveToCold: async (input) => {
      const batch = await activities.moveToCold(input);
      work.moved('warm', batch);
      return batch;
    },
    retireUploads: async (input) => {
      const batch = await activities.retireUploads(input);
      work.retired(batch);
      return batch;
    },
    // The last step of a transition.
    sweep: async () => {
      const swept = await activities.sweep();
      work.swept(swept);
      const begunAt = transitions.end();
      if (begunAt !== undefined) await mark(SCHEDULE_IDS.tierTransition, begunAt);
      return swept;
    },
  };
}

function counts(summary: object): [string, number][] {
  return Object.entries(summary).map(([name, count]) => [name, Number(count)]);
}
