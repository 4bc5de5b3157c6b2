import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KeptWalk } from '../../src/bootstrap/kept-walk.js';
import { RunMarks } from '../../src/bootstrap/run-marks.js';
import { OutageRunner, type RunnerWork } from '../../src/bootstrap/runner.js';
import { WorkLog } from '../../src/bootstrap/work-log.js';
import { AkoshaError, manifestKey, SCHEDULE_IDS, SYSTEMS_PREFIX } from '../../src/contract/index.js';
import type { FolderPage, FolderPageOptions } from '../../src/objects/index.js';
import { NOW, openIngestWorld, type IngestWorld } from '../ingest/support.js';
import { WALK_BEGUN } from '../support/temporal.js';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const LIMITS = { graceMs: 1_000, forceMs: 5_000 };
const DAY = 86_400_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'akosha-walk-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('is what it was in the next process, and nothing where the file is not what it should be', async () => {
  const position = { cursor: 'c', after: 'host/', restarts: 1 };
  const state = { ...WALK_BEGUN, systems: position, rest: [{ folder: 'big', position }], seen: 3 };
  const fault = { type: 'ObjectStoreRefused' as const, message: 'no' };
  await new KeptWalk(folder, QUIET).save({ ...state, fault });
  expect(await new KeptWalk(folder, QUIET).load()).toEqual({ ...state, fault });
  for (const text of ['', '{"begunAt":1}', JSON.stringify({ ...state, fault: { ...fault, type: 'None' } })]) {
    await writeFile(join(folder, 'walk.json'), text);
    expect(await new KeptWalk(folder, QUIET).load()).toBeNull();
  }
});

/** Its walk alone is due. What is queued is ingested in tests of its own: no turn is taken here. */
async function startRunner(
  world: IngestWorld,
  listSystems: (options: FolderPageOptions) => Promise<FolderPage>,
): Promise<{ runner: OutageRunner; work: WorkLog; marks: RunMarks }> {
  const marks = await RunMarks.open(folder, QUIET);
  await marks.mark(SCHEDULE_IDS.tierTransition, NOW);
  const ingest = world.withFaults({
    listFolderPage: (prefix, options = {}) =>
      prefix === SYSTEMS_PREFIX ? listSystems(options) : world.uploads.listFolderPage(prefix, options),
  });
  const work = new WorkLog({}, () => undefined);
  const parts = { ingest, concurrency: 0, marks, walk: new KeptWalk(folder, QUIET), now: () => NOW, work };
  return { runner: new OutageRunner(parts as unknown as RunnerWork), work, marks };
}

describe('a kept walk', () => {
  let world: IngestWorld;
  beforeAll(async () => {
    world = await openIngestWorld();
  });
  afterAll(() => world.close());

  it('is gone on with by the runner after this, from where the one before stopped', async () => {
    const hosts = Array.from({ length: 150 }, (_, n) => `host-${n}`);
    for (const systemId of hosts) await world.uploads.put(manifestKey({ systemId, uploadId: 'u' }), '{}');
    const pages: FolderPageOptions[] = [];
    const list = (options: FolderPageOptions): Promise<FolderPage> => {
      pages.push(options);
      return world.uploads.listFolderPage(SYSTEMS_PREFIX, options);
    };
    const first = await startRunner(world, (options) => {
      first.runner.pause();
      return list(options);
    });
    await expect.poll(async () => (await new KeptWalk(folder, QUIET).load())?.folders).toBe(100);
    await first.runner.stop(LIMITS);
    const second = await startRunner(world, list);
    await expect.poll(() => second.work.totals.walks).toBe(1);
    await second.runner.stop(LIMITS);
    expect(second.work.totals).toMatchObject({ found: 150, failures: 0 });
    expect(pages.map(({ cursor }) => cursor)).toEqual([undefined, expect.any(String)]);
    expect(second.marks.isDue(SCHEDULE_IDS.dailyIngest, NOW)).toBe(false);
    expect(await new KeptWalk(folder, QUIET).load()).toBeNull();
  });

  it('of an earlier outage is not gone on with', async () => {
    const position = { cursor: 'of long ago', after: null, restarts: 0 };
    await new KeptWalk(folder, QUIET).save({ ...WALK_BEGUN, begunAt: NOW - 2 * DAY, systems: position });
    const cursors: unknown[] = [];
    const { runner, work, marks } = await startRunner(world, ({ cursor }) => {
      cursors.push(cursor);
      return Promise.resolve({ folders: [], cursor: null });
    });
    await expect.poll(() => work.totals.walks).toBe(1);
    await runner.stop(LIMITS);
    expect(cursors).toEqual([undefined]);
    expect(marks.isDue(SCHEDULE_IDS.dailyIngest, NOW)).toBe(false);
  });

  it.each([
    ['ObjectStoreRefused', { folders: 100 }],
    ['ListingExpired', null],
  ] as const)('is kept unless it cannot be gone on with: %s', async (type, left) => {
    await new KeptWalk(folder, QUIET).save({ ...WALK_BEGUN, begunAt: NOW, folders: 100 });
    const { runner, work } = await startRunner(world, () =>
      Promise.reject(new AkoshaError(type, 'injected')),
    );
    await expect.poll(() => work.totals.failures).toBe(1);
    await runner.stop(LIMITS);
    const kept = await new KeptWalk(folder, QUIET).load();
    if (left === null) expect(kept).toBeNull();
    else expect(kept).toMatchObject(left);
  });

  it('is kept no longer where all of it came to nothing', async () => {
    const fault = { type: 'ObjectStoreRefused' as const, message: 'injected' };
    await new KeptWalk(folder, QUIET).save({ ...WALK_BEGUN, begunAt: NOW, failed: 1, fault });
    const { runner, work } = await startRunner(world, () => Promise.resolve({ folders: [], cursor: null }));
    await expect.poll(() => work.totals.failures).toBe(1);
    await runner.stop(LIMITS);
    expect(await new KeptWalk(folder, QUIET).load()).toBeNull();
  });
});

it('ends after one that was begun later, and does not set the mark back', async () => {
  const marks = await RunMarks.open(folder, QUIET);
  await marks.mark(SCHEDULE_IDS.dailyIngest, NOW);
  await marks.mark(SCHEDULE_IDS.dailyIngest, NOW - 2 * DAY);
  expect(marks.isDue(SCHEDULE_IDS.dailyIngest, NOW)).toBe(false);
});
