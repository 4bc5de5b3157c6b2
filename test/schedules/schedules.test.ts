import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { WALK_PRIORITY } from '../../src/contract/index.js';
import {
  backfillSchedule,
  listSchedules,
  pauseSchedule,
  reconcileSchedules,
  resumeSchedule,
  SCHEDULES,
  triggerSchedule,
} from '../../src/schedules/index.js';
import {
  createNamespace,
  eventually,
  type RunningWorkers,
  type TestNamespace,
  walked,
} from '../support/temporal.js';

describe('schedules', () => {
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;

  const stateOf = async (scheduleId: string) => {
    const state = (await listSchedules(temporal.client)).find((found) => found.scheduleId === scheduleId);
    return state ?? expect.fail(`no schedule ${scheduleId}`);
  };

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
    expect(await listSchedules(temporal.client)).toEqual([]);
    await expect(pauseSchedule(temporal.client, 'akosha-daily-ingest', 'too early')).rejects.toMatchObject({
      type: 'BadRequest',
      message: expect.stringContaining('when the server starts'),
    });
    expect(await reconcileSchedules(temporal.client)).toEqual(
      SCHEDULES.map(({ scheduleId }) => ({ scheduleId, outcome: 'created' })),
    );
  });
  afterEach(async () => {
    await workers?.stop();
    workers = undefined;
  });
  afterAll(() => temporal.close());

  it('exist with their times, overlap and catch-up', async () => {
    const { schedule } = temporal.client.connection.temporal;
    const daily = await schedule.getHandle('akosha-daily-ingest').describe();
    expect(daily.policies).toMatchObject({
      overlap: 'BUFFER_ONE',
      catchupWindow: 7 * 86_400_000,
      pauseOnFailure: false,
    });
    expect(daily.action).toMatchObject({
      ...{ workflowType: 'dailyIngest', taskQueue: 'akosha' },
      priority: WALK_PRIORITY,
    });
    const hourly = await schedule.getHandle('akosha-tier-transition').describe();
    expect(hourly.policies).toMatchObject({
      overlap: 'SKIP',
      catchupWindow: 3_600_000,
      pauseOnFailure: false,
    });

    const [nextDaily] = (await stateOf('akosha-daily-ingest')).nextRuns;
    expect(new Date(nextDaily ?? 1).toISOString()).toMatch(/T00:00:00\.000Z$/);
    const [first = 0, second = 0] = (await stateOf('akosha-tier-transition')).nextRuns;
    expect(second - first).toBe(3_600_000);
    expect((await stateOf('akosha-tier-transition')).note).toContain('next tier');
    const retention = await schedule.getHandle('akosha-maintenance').describe();
    expect(retention.policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 3_600_000 });
    expect(retention.action).toMatchObject({ workflowType: 'maintenance', taskQueue: 'akosha' });
    const scrub = await schedule.getHandle('akosha-scrub').describe();
    expect(scrub.policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 3 * 86_400_000 });
    const [firstScrub = 0, secondScrub = 0] = (await stateOf('akosha-scrub')).nextRuns;
    expect(new Date(firstScrub).toUTCString()).toMatch(/^Sat, .* 03:20:00 GMT$/);
    expect(secondScrub - firstScrub).toBe(7 * 86_400_000);
  });

  it('keep an operator’s pause and note through a new start of the server', async () => {
    await pauseSchedule(temporal.client, 'akosha-daily-ingest', 'bucket is being moved');
    expect(await reconcileSchedules(temporal.client)).toEqual(
      SCHEDULES.map(({ scheduleId }) => ({ scheduleId, outcome: 'updated' })),
    );
    expect(await stateOf('akosha-daily-ingest')).toMatchObject({
      paused: true,
      note: 'bucket is being moved',
      nextRuns: [],
    });
    await resumeSchedule(temporal.client, 'akosha-daily-ingest', 'bucket was moved');
    const resumed = await stateOf('akosha-daily-ingest');
    expect(resumed).toMatchObject({ paused: false, note: 'bucket was moved' });
    expect(resumed.nextRuns.length).toBeGreaterThan(0);
  });

  it('begin paused, those that an operator had paused, where Temporal came back without them', async () => {
    const { schedule } = temporal.client.connection.temporal;
    await schedule.getHandle('akosha-daily-ingest').delete();
    await schedule.getHandle('akosha-scrub').delete();
    await reconcileSchedules(temporal.client, ['akosha-daily-ingest', 'akosha-no-more']);
    expect(await stateOf('akosha-daily-ingest')).toMatchObject({
      paused: true,
      note: 'paused by an operator, before Temporal lost its schedules',
      nextRuns: [],
    });
    expect(await stateOf('akosha-scrub')).toMatchObject({ paused: false });
    await resumeSchedule(temporal.client, 'akosha-daily-ingest', 'it is known');
  });

  it('get back what somebody changed of their definition', async () => {
    const handle = temporal.client.connection.temporal.schedule.getHandle('akosha-tier-transition');
    await handle.update((previous) => ({ ...previous, spec: { intervals: [{ every: '5 minutes' }] } }));
    expect((await handle.describe()).spec.intervals).toMatchObject([{ every: 300_000 }]);
    await reconcileSchedules(temporal.client);
    expect((await handle.describe()).spec.intervals).toMatchObject([{ every: 3_600_000 }]);
  });

  it('run when they are triggered, also while paused, and tell of it', async () => {
    let walks = 0;
    workers = await temporal.runWorkers({
      // A double, to count.
      store: {
        walkPortion: () => {
          walks += 1;
          return Promise.resolve(walked({ seen: 1, added: 0, at: 1 }));
        },
      },
    });
    await pauseSchedule(temporal.client, 'akosha-daily-ingest', 'testing');
    await triggerSchedule(temporal.client, 'akosha-daily-ingest');
    const state = await eventually(async () => {
      const found = await stateOf('akosha-daily-ingest');
      expect(found.lastRun).not.toBeNull();
      expect(walks).toBe(1);
      return found;
    });
    expect(state.lastRun?.workflowId).toMatch(/^daily-ingest-/);
    expect(state).toMatchObject({ runs: 1, missed: 0, skipped: 0 });
    const { workflow } = temporal.client.connection.temporal;
    const run = workflow.getHandle(state.lastRun?.workflowId ?? '');
    expect(await run.result()).toMatchObject({ seen: 1, added: 0 });
    const described = await run.describe();
    expect(await described.staticSummary()).toContain('uploads');
    expect(described.priority).toMatchObject(WALK_PRIORITY);
  });

  it('run for past days that are asked for, each once, one after the other', async () => {
    let walks = 0;
    let atOnce = 0;
    let most = 0;
    workers = await temporal.runWorkers({
      // A double, to count.
      store: {
        walkPortion: async () => {
          walks += 1;
          most = Math.max(most, (atOnce += 1));
          await setTimeout(50);
          atOnce -= 1;
          return walked({ seen: 0, added: 0, at: 1 });
        },
      },
    });
    const before = (await stateOf('akosha-daily-ingest')).runs;
    const days = { from: '2026-01-05', to: '2026-01-07' };
    await backfillSchedule(temporal.client, 'akosha-daily-ingest', days);
    await eventually(async () => {
      expect(walks).toBe(3);
      expect((await stateOf('akosha-daily-ingest')).runs).toBe(before + 3);
    });
    expect(most).toBe(1);
    const { workflow } = temporal.client.connection.temporal;
    for (const day of ['2026-01-05', '2026-01-06', '2026-01-07'])
      expect(await workflow.getHandle(`daily-ingest-${day}T00:00:00Z`).result()).toMatchObject({ day });
  });

  it.each([
    ['2026-01-05', '2026-01-04', '2026-01-04 is before 2026-01-05'],
    ['2026-01-01', '2026-02-01', 'at most 31 days'],
    ['2026-1-5', '2026-01-06', 'from must be a day such as'],
    ['2999-01-01', '2999-01-02', '2999-01-01 is still to come'],
  ])('run for no days from %s to %s', async (from, to, message) => {
    await expect(
      backfillSchedule(temporal.client, 'akosha-daily-ingest', { from, to }),
    ).rejects.toMatchObject({ type: 'BadRequest', message: expect.stringContaining(message) });
  });

  it('are known by name', async () => {
    await expect(triggerSchedule(temporal.client, 'nightly')).rejects.toMatchObject({
      type: 'BadRequest',
      message: expect.stringContaining(
        'akosha-daily-ingest, akosha-tier-transition, akosha-maintenance, akosha-scrub, akosha-restore-drill',
      ),
    });
  });
});
