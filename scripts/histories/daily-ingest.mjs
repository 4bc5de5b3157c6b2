import { failingOnce, portions } from './doubles.mjs';

/** The histories daily-ingest*.json without `paged` are of walks in one go, which no run begins any more. */
export const dailyIngestPaths = () => ({
  'daily-ingest-paged': {
    store: { walkPortion: portions(3) },
    start: (client) => client.runDailyIngest(),
  },
  'daily-ingest-paged-retried': {
    store: { walkPortion: failingOnce(portions(2)) },
    start: (client) => client.runDailyIngest(),
  },
  'daily-ingest-paged-continued': {
    store: { walkPortion: portions(15), countUnfinished: counting([3, 2, 1, 0]) },
    start: (client) => client.runDailyIngest({ wait: true }),
    runs: true,
  },
  'daily-ingest-paged-failed': {
    store: { walkPortion: failingOnce(portions(2), 'ObjectStoreRefused', true) },
    start: (client) => client.runDailyIngest(),
    fails: true,
  },
});

function counting(answers) {
  let asked = 0;
  return async () => answers[asked++] ?? 0;
}
