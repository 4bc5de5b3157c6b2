import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { KeptWalk } from '../../src/bootstrap/kept-walk.js';
import { RunMarks } from '../../src/bootstrap/run-marks.js';
import { OutageRunner, type RunnerWork } from '../../src/bootstrap/runner.js';
import { WorkLog } from '../../src/bootstrap/work-log.js';
import { NO_ROWS, SCHEDULE_IDS, type UploadRef } from '../../src/contract/index.js';
import { gate } from '../support/gate.js';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const LIMITS = { graceMs: 200, forceMs: 5_000 };

// Doubles, so that a test says how long an ingest takes and which one fails: what an ingest does has its own tests.
let ingest: (ref: UploadRef, signal: AbortSignal | undefined) => Promise<void>;
let walks = 0;
vi.mock(import('../../src/ingest/index.js'), async (original) => ({
  ...(await original()),
  ingestUpload: async (_context, ref, options) => {
    await ingest(ref, options?.signal);
    return { status: 'ingested', rows: NO_ROWS, reason: null, excluded: 0 } as never;
  },
  beginWalk: () => {
    walks += 1;
    return Promise.reject(new Error('injected'));
  },
}));

let folder: string;
/** The queue of each system. */
let queues: Map<string, string[]>;
let begun: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'akosha-turns-'));
  begun = [];
  walks = 0;
  ingest = ({ systemId, uploadId }) => {
    take({ systemId, uploadId });
    return Promise.resolve();
  };
});
afterEach(() => rm(folder, { recursive: true }));

function take({ systemId, uploadId }: UploadRef): void {
  begun.push(`${systemId} ${uploadId}`);
  queues.get(systemId)?.shift();
}

function queue(lengths: Readonly<Record<string, number>>): void {
  queues = new Map(
    Object.entries(lengths).map(([id, length]) => [id, Array.from({ length }, (_, n) => String(n))]),
  );
}

interface Queues {
  unfinishedSystems: () => Promise<string[]>;
  nextUpload: (systemId: string) => Promise<UploadRef | undefined>;
}

async function run({ now = 0, paused = false } = {}): Promise<{
  runner: OutageRunner;
  work: WorkLog;
  store: Queues;
}> {
  const marks = await RunMarks.open(folder, QUIET);
  if (paused) await marks.setPaused([SCHEDULE_IDS.dailyIngest, SCHEDULE_IDS.tierTransition], []);
  else for (const id of Object.values(SCHEDULE_IDS)) await marks.mark(id, Date.now());
  const store: Queues = {
    unfinishedSystems: () =>
      Promise.resolve([...queues].filter(([, left]) => left.length > 0).map(([id]) => id)),
    nextUpload: (systemId: string) => {
      const [uploadId] = queues.get(systemId) ?? [];
      return Promise.resolve(uploadId === undefined ? undefined : { systemId, uploadId });
    },
  };
  const work = new WorkLog({}, () => undefined);
  const parts = {
    ingest: { store },
    concurrency: 1,
    // As the next process opens them, so that what counts is on disk.
    marks: await RunMarks.open(folder, QUIET),
    walk: new KeptWalk(folder, QUIET),
    now: () => now,
    onIngested: () => undefined,
    work,
  };
  const runner = new OutageRunner(parts as unknown as RunnerWork);
  onTestFinished(() => runner.stop(LIMITS));
  return { runner, work, store };
}

const through = (): boolean => [...queues.values()].every((left) => left.length === 0);

it('gives every system its turn, whatever one of them has waiting', async () => {
  queue({ noisy: 50, a: 1, b: 2 });
  await run();
  await expect.poll(through).toBe(true);
  expect(begun.indexOf('a 0')).toBeLessThan(3);
  expect(begun.indexOf('b 1')).toBeLessThan(6);
  expect(begun.filter((one) => one.startsWith('noisy'))).toEqual(
    Array.from({ length: 50 }, (_, n) => `noisy ${n}`),
  );
});

it('lets a system that fails wait, longer each time, and the others go on', async () => {
  queue({ bad: 1, good: 5 });
  const tries: number[] = [];
  ingest = (ref) => {
    if (ref.systemId === 'good') return Promise.resolve(take(ref));
    tries.push(performance.now());
    return tries.length < 3 ? Promise.reject(new Error('injected')) : Promise.resolve(take(ref));
  };
  const { work } = await run();
  await expect.poll(() => queues.get('good')).toEqual([]);
  expect(tries).toHaveLength(1);
  await expect.poll(through, { timeout: 10_000 }).toBe(true);
  const [first = 0, second = 0, third = 0] = tries;
  expect(second - first).toBeGreaterThanOrEqual(990);
  expect(third - second).toBeGreaterThanOrEqual(1_990);
  expect(work.totals.failures).toBe(2);
});

it('begins nothing while it is paused, and goes on after it', async () => {
  queue({ a: 1 });
  const { runner } = await run();
  await expect.poll(through).toBe(true);
  runner.pause();
  queue({ b: 1 });
  runner.wake();
  await sleep(100);
  expect(begun).toEqual(['a 0']);
  runner.resume();
  await expect.poll(through).toBe(true);
});

it('begins nothing that it was looking for when it was stopped', async () => {
  queue({ a: 1 });
  const { runner, store } = await run();
  await expect.poll(through).toBe(true);
  const looking = gate();
  const stopped = gate();
  // A double that holds the look at the system's queue.
  store.nextUpload = async (systemId) => {
    looking.open();
    await stopped.opened;
    return { systemId, uploadId: '0' };
  };
  queue({ b: 1 });
  runner.wake();
  await looking.opened;
  const stop = runner.stop(LIMITS);
  stopped.open();
  await stop;
  expect(begun).toEqual(['a 0']);
});

it('finishes what is under way when it is stopped, and begins nothing after it', async () => {
  queue({ a: 3 });
  ingest = async (ref) => {
    await sleep(100);
    take(ref);
  };
  const { runner } = await run();
  await sleep(50);
  await runner.stop(LIMITS);
  expect(begun).toEqual(['a 0']);
  expect(queues.get('a')).toEqual(['1', '2']);
});

it('hands back what is not through within its grace', async () => {
  queue({ a: 1 });
  ingest = (_ref, signal) =>
    sleep(60_000, undefined, signal === undefined ? {} : { signal }).then(() => undefined);
  const { runner, work } = await run();
  await sleep(50);
  const stopping = performance.now();
  await runner.stop(LIMITS);
  expect(performance.now() - stopping).toBeGreaterThanOrEqual(LIMITS.graceMs - 10);
  expect(queues.get('a')).toEqual(['0']);
  expect(work.totals).toMatchObject({ failures: 0, ingested: 0 });
});

it('leaves out a schedule that an operator has paused', async () => {
  queue({});
  const now = Date.UTC(2026, 10, 22, 12);
  const paused = await run({ now, paused: true });
  await sleep(100);
  expect(walks).toBe(0);
  await paused.runner.stop(LIMITS);
  const marks = await RunMarks.open(folder, QUIET);
  expect(marks.isDue(SCHEDULE_IDS.tierTransition, now)).toBe(false);
  await marks.setPaused([], Object.values(SCHEDULE_IDS));
  expect((await RunMarks.open(folder, QUIET)).isDue(SCHEDULE_IDS.dailyIngest, now)).toBe(true);
});
