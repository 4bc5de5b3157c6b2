import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SCHEDULE_IDS, type StoreActivities } from '../../src/contract/index.js';
import { withMetrics } from '../../src/processes/activity-metrics.js';
import { WALK_BEGUN } from '../support/temporal.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

/** Doubles of the activities: what they do is told in their own tests. */
const ACTIVITIES = {
  planTransition: ({ asOf }: { asOf: number | null }) =>
    Promise.resolve({ asOf: asOf ?? 0, hot: 0, warm: 0, partitions: [] }),
  sweep: () => Promise.resolve({ rows: 0, tables: 0, objects: 0 }),
} as unknown as StoreActivities;
const nothing = (): void => undefined;
const COUNTS = { ingested: nothing, moved: nothing, swept: nothing, retired: nothing };

it('marks when a transition began, whatever runs beside it, and none of a given instant', async () => {
  const marked: number[] = [];
  const mark = (_id: string, begunAt: number): Promise<void> => {
    marked.push(begunAt);
    return Promise.resolve();
  };
  const { planTransition, sweep } = withMetrics(ACTIVITIES, COUNTS, mark);
  const inWorkflow = (workflowId: string, at: string, run: () => Promise<unknown>): Promise<unknown> => {
    vi.setSystemTime(Date.parse(`2026-11-22T${at}:00Z`));
    return new MockActivityEnvironment({ workflowExecution: { workflowId, runId: 'run' } }).run(run);
  };
  await inWorkflow('hourly', '00:59', () => planTransition({ asOf: null, all: false }));
  await inWorkflow('operator', '01:00', () => planTransition({ asOf: 5, all: false }));
  await inWorkflow('hourly', '01:00', () => planTransition({ asOf: 0, all: false }));
  await inWorkflow('operator', '01:01', sweep);
  await inWorkflow('hourly', '01:02', sweep);
  expect(marked).toEqual([Date.parse('2026-11-22T00:59:00Z')]);
  const scheduledFor = Date.parse('2026-11-22T02:00:00Z');
  await inWorkflow('late', '03:01', () => planTransition({ asOf: null, scheduledFor, all: false }));
  await inWorkflow('late', '03:02', sweep);
  expect(marked.slice(1)).toEqual([scheduledFor]);
});

it('marks when a walk of all systems began, once its last portion is through, and none of one system', async () => {
  const marked: [string, number][] = [];
  const portions = [
    { state: { ...WALK_BEGUN, begunAt: 7, systemId: 'laptop', systems: null }, done: true, at: 9 },
    { state: { ...WALK_BEGUN, begunAt: 5 }, done: false, at: 6 },
    { state: { ...WALK_BEGUN, begunAt: 5, systems: null }, done: true, at: 8 },
  ];
  const activities = {
    ...ACTIVITIES,
    walkPortion: () => Promise.resolve(portions.shift()),
  } as unknown as StoreActivities;
  const { walkPortion } = withMetrics(activities, COUNTS, (id, begunAt) => {
    marked.push([id, begunAt]);
    return Promise.resolve();
  });
  await walkPortion({ systemId: 'laptop' });
  await walkPortion({});
  expect(marked).toEqual([]);
  await walkPortion({});
  expect(marked).toEqual([[SCHEDULE_IDS.dailyIngest, 5]]);
});
