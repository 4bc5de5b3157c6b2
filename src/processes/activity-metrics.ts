import { secondsSince, type StoreActivities } from '../contract/index.js';
import type { IngestEvents } from '../ingest/index.js';
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

/** Counts what the store's activities did. Attempts that failed changed nothing and are Temporal's to count. */
export function withMetrics(activities: StoreActivities, metrics: Metrics): StoreActivities {
  return {
    ...activities,
    ingestUpload: async (ref) => {
      const stop = metrics.ingestDuration.startTimer();
      const summary = await activities.ingestUpload(ref);
      stop();
      if (summary.status === 'ingested') metrics.ingestedUploads.inc({ status: 'ingested' });
      for (const [result, n] of counts(summary.rows)) metrics.ingestedRows.inc({ result }, n);
      return summary;
    },
    moveToWarm: async (input) => {
      const batch = await activities.moveToWarm(input);
      metrics.movedRows.inc({ from: 'hot', to: 'warm' }, batch.moved);
      for (const { reason, rows } of batch.held ?? []) metrics.heldRows.inc({ from: 'hot', reason }, rows);
      return batch;
    },
    moveToCold: async (input) => {
      const batch = await activities.moveToCold(input);
      metrics.movedRows.inc({ from: 'warm', to: 'cold' }, batch.moved);
      for (const { reason, rows } of batch.held ?? []) metrics.heldRows.inc({ from: 'warm', reason }, rows);
      return batch;
    },
    sweep: async () => {
      const swept = await activities.sweep();
      for (const [what, n] of counts(swept)) metrics.swept.inc({ what }, n);
      return swept;
    },
  };
}

function counts(summary: object): [string, number][] {
  return Object.entries(summary).map(([name, count]) => [name, Number(count)]);
}
