import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { NO_ROWS, type StoreActivities, type Urgency } from '../../src/contract/index.js';
import { createNamespace, gate } from '../support/temporal.js';
import type { RunningWorkers, TestNamespace } from '../support/temporal.js';

/** Places on the store, and what an ingest takes: together some seconds of work in the queue. */
const PLACES = 4;
const INGEST_MS = 150;

/** Until the queue stands, an ingest takes so long, and a look comes before it whenever a place is free. */
const LONGEST_MS = 400;

/** Pending uploads of one system, and systems that wait with one each. */
const NOISY_UPLOADS = 60;
const BACKLOG = Array.from({ length: 80 }, (_, n) => `waiting-${n}`);
const FRESH = ['fresh-0', 'fresh-1', 'fresh-2'];

/** The store is a double: the test is about whose turn comes when, on a real Temporal's queue. */
describe('ingest under load', () => {
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;
  const pending = new Map<string, number>();
  /** Systems whose upload was ingested, in that order. */
  const ingested: string[] = [];
  /** Opens once each system of the backlog has an ingest in Temporal's queue, whose own pace is not what this is about. */
  const queued = gate();
  const looked = new Set<string>();

  const store: Partial<StoreActivities> = {
    nextUpload: ({ systemId }) => {
      const left = pending.get(systemId) ?? 0;
      looked.add(systemId);
      if (looked.size > BACKLOG.length) queued.open();
      return Promise.resolve(left === 0 ? null : { systemId, uploadId: `upload-${left}` });
    },
    ingestUpload: async ({ systemId }) => {
      await Promise.race([queued.opened, sleep(LONGEST_MS)]);
      await sleep(INGEST_MS);
      pending.set(systemId, (pending.get(systemId) ?? 0) - 1);
      ingested.push(systemId);
      return { status: 'ingested', rows: NO_ROWS, reason: null };
    },
  };
  const start = async (systemIds: readonly string[], uploads: number, urgency: Urgency): Promise<void> => {
    for (const systemId of systemIds) pending.set(systemId, uploads);
    await temporal.client.nudgeIngest(systemIds, { urgency });
  };
  const resultsOf = (systemIds: readonly string[]) =>
    Promise.all(
      systemIds.map((id) => temporal.client.connection.temporal.workflow.getHandle(`ingest/${id}`).result()),
    );

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
    workers = await temporal.runWorkers({ store, settings: { ingestConcurrency: PLACES } });
  });
  afterAll(async () => {
    pending.clear();
    await workers?.stop();
    await temporal.close();
  });

  it('ingests announced uploads long before a backlog, and a noisy system in turns with the others', async () => {
    await start(['noisy'], NOISY_UPLOADS, 'announced');
    await start(BACKLOG, 1, 'backlog');
    await queued.opened;

    const before = ingested.length;
    await start(FRESH, 1, 'announced');
    await resultsOf(FRESH);
    const last = Math.max(...FRESH.map((systemId) => ingested.indexOf(systemId)));
    // Those that had a place while Temporal took the fresh ones in.
    expect(last - before - FRESH.length).toBeLessThan((BACKLOG.length - before) / 2);

    await resultsOf(BACKLOG);
    // One place of four was the noisy system's.
    expect(ingested.filter((systemId) => systemId === 'noisy').length).toBeLessThan(NOISY_UPLOADS);
    expect(new Set(ingested)).toEqual(new Set(['noisy', ...BACKLOG, ...FRESH]));
  }, 60_000);

  it.each([
    ['announced', 3],
    ['found', 4],
    ['backlog', 5],
  ] as const)(
    'an ingest that is %s has the priority %i, as its activities have',
    async (urgency, priorityKey) => {
      const systemId = `urgency-${urgency}`;
      await start([systemId], 1, urgency);
      await resultsOf([systemId]);
      const run = temporal.client.connection.temporal.workflow.getHandle(`ingest/${systemId}`);
      expect((await run.describe()).priority).toMatchObject({ priorityKey, fairnessKey: systemId });
    },
  );
});
