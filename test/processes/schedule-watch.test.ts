import { expect, it } from 'vitest';
import { runScheduleWatch, setSchedules } from '../../src/processes/schedule-watch.js';
import type { ScheduleState } from '../../src/schedules/index.js';
import { createLog, createMetrics, renderMetrics } from '../../src/telemetry/index.js';

const state: ScheduleState = {
  scheduleId: 'akosha-daily-ingest',
  purpose: '',
  workflowType: 'dailyIngest',
  paused: false,
  note: null,
  nextRuns: [],
  lastRun: { at: 1_700_000_000_500, workflowId: 'daily-ingest-x' },
  running: [],
  runs: 9,
  missed: 2,
  skipped: 3,
};
const onPaused = () => Promise.resolve();
const log = createLog({ level: 'silent', format: 'json' });

it('tells of each schedule what Temporal counts, however often it looks', async () => {
  const metrics = createMetrics();
  setSchedules(metrics, [state]);
  setSchedules(metrics, [
    state,
    { ...state, scheduleId: 'akosha-tier-transition', lastRun: null, missed: 0 },
  ]);
  const { body } = await renderMetrics(metrics);
  expect(body).toContain('akosha_schedule_missed_total{schedule="akosha-daily-ingest"} 2\n');
  expect(body).toContain('akosha_schedule_skipped_total{schedule="akosha-daily-ingest"} 3\n');
  expect(body).toContain(
    'akosha_schedule_last_run_timestamp_seconds{schedule="akosha-daily-ingest"} 1700000000.5\n',
  );
  expect(body).toContain('akosha_schedule_missed_total{schedule="akosha-tier-transition"} 0\n');
  expect(body).toContain('akosha_schedule_last_run_timestamp_seconds{schedule="akosha-tier-transition"} 0\n');
});

it('keeps the last figures while Temporal is away, and ends at once in the middle of a request', async () => {
  const metrics = createMetrics();
  setSchedules(metrics, [state]);
  const away = new AbortController();
  const first = runScheduleWatch(
    { list: () => Promise.reject(new Error('away')), onPaused, metrics, log },
    away.signal,
  );
  away.abort();
  await first;
  expect((await renderMetrics(metrics)).body).toContain(
    'akosha_schedule_missed_total{schedule="akosha-daily-ingest"} 2',
  );
  const silent = new AbortController();
  const second = runScheduleWatch(
    { list: () => new Promise<ScheduleState[]>(() => undefined), onPaused, metrics, log },
    silent.signal,
  );
  silent.abort();
  await second;
});

it('tells which are paused, for the time in which nobody can be asked', async () => {
  const watching = new AbortController();
  const paused: ScheduleState = { ...state, scheduleId: 'akosha-tier-transition', paused: true };
  const told: (readonly string[])[] = [];
  const watch = runScheduleWatch(
    {
      list: () => Promise.resolve([state, paused]),
      onPaused: (ids, seen) => {
        told.push(ids, seen);
        watching.abort();
        return Promise.resolve();
      },
      metrics: createMetrics(),
      log,
    },
    watching.signal,
  );
  await watch;
  expect(told).toEqual([['akosha-tier-transition'], [state.scheduleId, 'akosha-tier-transition']]);
});
