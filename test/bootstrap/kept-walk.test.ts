import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KeptWalk } from '../../src/bootstrap/kept-walk.js';
import { RunMarks } from '../../src/bootstrap/run-marks.js';
import { OutageRunner, type RunnerWork } from '../../src/bootstrap/runner.js';
import { WorkLog } from '../../src/bootstrap/work-log.js';
import { manifestKey, SCHEDULE_IDS, SYSTEMS_PREFIX } from '../../src/contract/index.js';
import type { FolderPageOptions } from '../../src/objects/index.js';
import { NOW, openIngestWorld } from '../ingest/support.js';
import { WALK_BEGUN } from '../support/temporal.js';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const LIMITS = { graceMs: 1_000, forceMs: 5_000 };

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

it('is gone on with by the runner after this, from where the one before stopped', async () => {
  const world = await openIngestWorld();
  const hosts = Array.from({ length: 150 }, (_, n) => `host-${n}`);
  for (const systemId of hosts) await world.uploads.put(manifestKey({ systemId, uploadId: 'u' }), '{}');
  const marks = await RunMarks.open(folder, QUIET);
  await marks.mark(SCHEDULE_IDS.tierTransition, NOW);
  const pages: FolderPageOptions[] = [];
  const run = (onPage: () => void): { runner: OutageRunner; work: WorkLog } => {
    const ingest = world.withFaults({
      listFolderPage: (prefix, options = {}) => {
        if (prefix === SYSTEMS_PREFIX) {
          pages.push(options);
          onPage();
        }
        return world.uploads.listFolderPage(prefix, options);
      },
    });
    const work = new WorkLog({}, () => undefined);
    // What is queued is ingested in tests of its own: no turn is taken here.
    const parts = { ingest, concurrency: 0, marks, walk: new KeptWalk(folder, QUIET), now: () => NOW, work };
    return { runner: new OutageRunner(parts as unknown as RunnerWork), work };
  };
  const first = run(() => first.runner.pause());
  await expect.poll(async () => (await new KeptWalk(folder, QUIET).load())?.folders).toBe(100);
  await first.runner.stop(LIMITS);
  const second = run(() => undefined);
  await expect.poll(() => second.work.totals.walks).toBe(1);
  await second.runner.stop(LIMITS);
  expect(second.work.totals).toMatchObject({ found: 150, failures: 0 });
  expect(pages.map(({ cursor }) => cursor)).toEqual([undefined, expect.any(String)]);
  expect(marks.isDue(SCHEDULE_IDS.dailyIngest, NOW)).toBe(false);
  expect(await new KeptWalk(folder, QUIET).load()).toBeNull();
  await world.close();
});
