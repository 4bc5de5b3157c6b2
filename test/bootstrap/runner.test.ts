import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { giveBack, type GiveBack } from '../../src/bootstrap/give-back.js';
import { OutageFiles } from '../../src/bootstrap/record.js';
import { OutageRunner, type RunnerWork } from '../../src/bootstrap/runner.js';
import { KeptWalk } from '../../src/bootstrap/kept-walk.js';
import { RunMarks } from '../../src/bootstrap/run-marks.js';
import { WorkLog } from '../../src/bootstrap/work-log.js';
import { SCHEDULE_IDS } from '../../src/contract/index.js';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const LIMITS = { graceMs: 1_000, forceMs: 2_000 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'akosha-runner-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A double of the catalog: its first look fails, and no later one. Nothing of the schedules is due. */
async function runnerWithFault(): Promise<{
  runner: OutageRunner;
  looks: () => number;
  failures: () => number;
}> {
  let looks = 0;
  const store = {
    unfinishedSystems: () => {
      looks += 1;
      return looks === 1 ? Promise.reject(new Error('injected')) : Promise.resolve([]);
    },
  };
  const marks = await RunMarks.open(folder, QUIET);
  for (const id of [SCHEDULE_IDS.dailyIngest, SCHEDULE_IDS.tierTransition]) await marks.mark(id, Date.now());
  const work = new WorkLog({}, () => undefined);
  const parts = {
    ingest: { store },
    concurrency: 2,
    marks,
    walk: new KeptWalk(folder, QUIET),
    now: () => 0,
    work,
  };
  const runner = new OutageRunner(parts as unknown as RunnerWork);
  return { runner, looks: () => looks, failures: () => work.totals.failures };
}

it('looks at the queue again after a look that failed, tells of it, and ends in order', async () => {
  const { runner, looks, failures } = await runnerWithFault();
  await expect.poll(looks, { timeout: 5_000 }).toBeGreaterThan(1);
  expect(failures()).toBeGreaterThan(0);
  await runner.stop(LIMITS);
});

it('takes no more nudges once it is told to stop', async () => {
  const { runner } = await runnerWithFault();
  expect(runner.wake()).toBe(true);
  const stopped = runner.stop(LIMITS);
  expect(runner.wake()).toBe(false);
  await stopped;
});

it('has every system that waits started once Temporal is back', async () => {
  const waiting = Array.from({ length: 2_500 }, (_, n) => `system-${n}`);
  const pages: (readonly string[])[] = [];
  // A double of Temporal, which has the schedules as they are to be.
  const client = {
    nudgeIngest: (systemIds: readonly string[]) => {
      pages.push(systemIds);
      return Promise.resolve();
    },
    recordOutage: () => Promise.resolve(false),
  };
  const store = { unfinishedSystems: (limit: number) => Promise.resolve(waiting.slice(0, limit)) };
  const parts = { client, store, paused: () => [], log: QUIET } as unknown as GiveBack;
  const file = await new OutageFiles(folder, { now: Date.now, log: QUIET }).begin(Date.now());
  await giveBack(parts, file, new AbortController().signal);
  expect(pages.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
  expect(pages.flat()).toEqual(waiting);
  expect(file.state.replayed).toBe(true);
});

// The schedules are told in their own tests.
vi.mock(import('../../src/schedules/index.js'), async (original) => ({
  ...(await original()),
  reconcileSchedules: () => Promise.resolve([]),
}));
