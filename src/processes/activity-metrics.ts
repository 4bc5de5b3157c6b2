import type { StoreActivities } from '../contract/index.js';
import type { Logger, Metrics } from '../telemetry/index.js';

/** Counts what the store's activities did, and tells of uploads that wait for a person. Attempts that failed changed nothing and are Temporal's to count. */
export function withMetrics(activities: StoreActivities, metrics: Metrics, log: Logger): StoreActivities {
  return {
    ...activities,
    ingestUpload: async (ref) => {
      const stop = metrics.ingestDuration.startTimer();
      const summary = await activities.ingestUpload(ref);
      stop();
      metrics.ingestedUploads.inc({ status: summary.status });
      if (summary.status === 'quarantined')
        log.warn({ ...ref, reason: summary.reason }, 'upload quarantined');
      for (const [result, n] of counts(summary.rows)) metrics.ingestedRows.inc({ result }, n);
      return summary;
    },
    moveToWarm: async (input) => {
      const batch = await activities.moveToWarm(input);
      metrics.movedRows.inc({ from: 'hot', to: 'warm' }, batch.moved);
      return batch;
    },
    moveToCold: async (input) => {
      const batch = await activities.moveToCold(input);
      metrics.movedRows.inc({ from: 'warm', to: 'cold' }, batch.moved);
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
