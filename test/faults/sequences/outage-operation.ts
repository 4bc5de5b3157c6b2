import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OutageWatch } from '../../../src/bootstrap/outage-watch.js';
import { RunMarks } from '../../../src/bootstrap/run-marks.js';
import { readState } from '../../../src/bootstrap/state.js';
import type { AkoshaClient } from '../../../src/client/index.js';
import { SCHEDULE_IDS } from '../../../src/contract/index.js';
import { FAIL_POINTS } from '../../../src/faults/index.js';
import { pollInbox } from '../../../src/ingest/index.js';
import type { Memory } from './arrival.js';
import type { FaultWorld } from './fault-world.js';
import type { Operation } from './operations.js';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Temporal is away for a moment, and the server ingests by itself. It goes on whatever fails, and tries again. */
export function outageOf(world: FaultWorld, memory: (age: number) => Memory): Operation {
  const folder = join(world.data, 'outage');
  let isAway = false;
  return {
    points: FAIL_POINTS.filter((point) => point.startsWith('outage.')),
    goesOn: true,
    prepare: async () => {
      const marks = await RunMarks.open(folder, QUIET);
      for (const id of Object.values(SCHEDULE_IDS)) await marks.mark(id, Date.now());
      await world.arrive('outage', [memory(1)]);
      await pollInbox(world.ingest);
    },
    attempt: async () => {
      const { ingest, maintenance } = world;
      const nothing = (): void => undefined;
      const watch = await OutageWatch.open({
        client: clientOf(() => isAway),
        folder,
        awayMs: 50,
        limits: { graceMs: 5_000, forceMs: 10_000 },
        work: {
          ...{ ingest, maintenance, concurrency: 1, clock: () => world.now, now: Date.now },
          ...{ onIngested: nothing, onMoved: nothing, onSwept: nothing },
        },
        sample: () => Promise.resolve({}),
        onBootstrap: nothing,
        alert: { source: 'a test' },
        log: QUIET,
      });
      const stop = new AbortController();
      const running = watch.run(stop.signal);
      try {
        isAway = true;
        await until(
          async () => watch.status() !== undefined && (await world.store.nextUpload('outage')) === undefined,
        );
        isAway = false;
        await until(() => isSettled(folder));
      } finally {
        stop.abort();
        await running;
      }
      await world.drain('outage');
    },
  };
}

/** A double of Temporal's client, which takes all that it is told where it is not away. */
function clientOf(isAway: () => boolean): AkoshaClient {
  const client = {
    isReachable: () => Promise.resolve(!isAway()),
    connection: {
      request: <T>(work: () => Promise<T>) => work(),
      temporal: { schedule: { create: () => Promise.resolve() } },
    },
    nudgeIngest: () => Promise.resolve(),
    // There is no such workflow: the watch says itself that it was put there.
    recordOutage: () => Promise.resolve(false),
  };
  return client as unknown as AkoshaClient;
}

/** Every outage is over, and all who are to be told of it were. */
async function isSettled(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true });
  const records = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  const states = await Promise.all(records.map(readState));
  return states.every(
    (state) => state?.replayed === true && state.end !== null && state.told.includes('log/resolve'),
  );
}

async function until(test: () => Promise<boolean>): Promise<void> {
  while (!(await test())) await sleep(20);
}
