import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { runActivity } from '../../src/activities/run-activity.js';
import {
  NO_ROWS,
  QUERIES,
  SIGNALS,
  TASK_QUEUES,
  type IngestTotals,
  type Progress,
  type StoreActivities,
  type UploadRef,
} from '../../src/contract/index.js';
import { createNamespace, eventually, failure, gate } from '../support/temporal.js';
import type { RunningWorkers, TestNamespace } from '../support/temporal.js';

/** The store is a double here: the tests are about looks at the queue, and about what comes between them. */
describe('ingestSystem', () => {
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;

  const run = async (store: Partial<StoreActivities>, maxCachedWorkflows?: number): Promise<void> => {
    workers = await temporal.runWorkers({
      store,
      settings: maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows },
    });
  };
  const result = (systemId: string): Promise<IngestTotals> =>
    temporal.client.connection.temporal.workflow.getHandle(`ingest/${systemId}`).result();

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
  });
  afterEach(async () => {
    await workers?.stop();
    workers = undefined;
  });
  afterAll(() => temporal.close());

  it.each([{ maxCachedWorkflows: 200 }, { maxCachedWorkflows: 0 }])(
    'ingests what is queued, in order, and adds up what came of it ($maxCachedWorkflows workflows cached)',
    async ({ maxCachedWorkflows }) => {
      const systemId = `ordered-${maxCachedWorkflows}`;
      const queue = ['u1', 'u2', 'u3'];
      const ingested: string[] = [];
      await run(
        {
          nextUpload: () => {
            const [uploadId] = queue;
            return Promise.resolve(uploadId === undefined ? null : { systemId, uploadId });
          },
          ingestUpload: ({ uploadId }) => {
            ingested.push(uploadId);
            queue.shift();
            if (uploadId === 'u2') {
              return Promise.resolve({ status: 'quarantined', rows: NO_ROWS, reason: 'torn' });
            }
            const rows = {
              new: 1,
              changed: 2,
              unchanged: 3,
              refused: 4,
              superseded: 5,
              absent: 6,
              deleted: 7,
            };
            return Promise.resolve({ status: 'ingested', rows, reason: null });
          },
        },
        maxCachedWorkflows,
      );
      await temporal.client.nudgeIngest([systemId]);
      expect(await result(systemId)).toEqual({
        ingested: 2,
        quarantined: 1,
        rows: { new: 2, changed: 4, unchanged: 6, refused: 8, superseded: 10, absent: 12, deleted: 14 },
      });
      expect(ingested).toEqual(['u1', 'u2', 'u3']);
    },
  );

  it('goes by what an ingest says comes next, and looks again where a nudge came during it', async () => {
    const systemId = 'chained';
    const queue = ['u1', 'u2', 'u3'];
    const steps: string[] = [];
    const next = (): UploadRef | null => (queue[0] === undefined ? null : { systemId, uploadId: queue[0] });
    const last = gate();
    const nudged = gate();
    await run({
      nextUpload: () => {
        steps.push('look');
        return Promise.resolve(next());
      },
      ingestUpload: async ({ uploadId }) => {
        steps.push(uploadId);
        queue.shift();
        const told = next();
        if (uploadId === 'u3') {
          last.open();
          await nudged.opened;
        }
        return { status: 'ingested', rows: NO_ROWS, reason: null, next: told };
      },
    });
    await temporal.client.nudgeIngest([systemId]);
    await last.opened;
    // After the look at the end of the last ingest.
    queue.push('u4');
    await temporal.client.nudgeIngest([systemId]);
    nudged.open();
    expect(await result(systemId)).toMatchObject({ ingested: 4 });
    expect(steps).toEqual(['look', 'u1', 'u2', 'u3', 'look', 'u4']);
  });

  it('begins without a look where it was started with what is first in the queue', async () => {
    const steps: string[] = [];
    await run({
      nextUpload: () => {
        steps.push('look');
        return Promise.resolve(null);
      },
      ingestUpload: ({ uploadId }) => {
        steps.push(uploadId);
        return Promise.resolve({ status: 'ingested', rows: NO_ROWS, reason: null, next: null });
      },
    });
    const nextOf = (systemId: string) => Promise.resolve({ systemId, uploadId: 'u1' });
    await temporal.client.nudgeIngest(['known'], { nextOf });
    expect(await result('known')).toMatchObject({ ingested: 1 });
    expect(steps).toEqual(['u1']);
    expect(await temporal.searchAttributes('ingest/known')).toEqual({
      AkoshaPhase: 'ingest',
      AkoshaSystemId: 'known',
      AkoshaUploadId: 'u1',
    });
    // What each event more costs, Temporal pays for every upload of every host.
    const { events } = await temporal.client.connection.temporal.workflow
      .getHandle('ingest/known')
      .fetchHistory();
    expect(events).toHaveLength(12);
  });

  it('does not miss an upload whose nudge comes during the last look', async () => {
    const queue: UploadRef[] = [];
    const ingested: string[] = [];
    const looking = gate();
    const nudged = gate();
    let looks = 0;
    await run({
      nextUpload: async () => {
        looks += 1;
        const seen = queue[0] ?? null;
        if (looks === 1) {
          looking.open();
          await nudged.opened;
        }
        return seen;
      },
      ingestUpload: ({ uploadId }) => {
        ingested.push(uploadId);
        queue.shift();
        return Promise.resolve({ status: 'ingested', rows: NO_ROWS, reason: null });
      },
    });
    await temporal.client.nudgeIngest(['late'], { onlyIfIdle: true });
    await looking.opened;
    queue.push({ systemId: 'late', uploadId: 'u1' });
    await temporal.client.nudgeIngest(['late']);
    nudged.open();
    await result('late');
    expect(ingested).toEqual(['u1']);
  });

  it('starts idle systems and says nothing to busy ones where it is not known that anything is new', async () => {
    const reached = gate();
    const checked = gate();
    let looks = 0;
    await run({
      nextUpload: async () => {
        looks += 1;
        reached.open();
        await checked.opened;
        return null;
      },
    });
    await temporal.client.nudgeIngest(['calm'], { onlyIfIdle: true });
    await reached.opened;
    await temporal.client.nudgeIngest(['calm'], { onlyIfIdle: true });
    checked.open();
    await result('calm');
    expect(looks).toBe(1);
  });

  it('starts many systems at once', async () => {
    const systems = Array.from({ length: 40 }, (_, n) => `many-${n}`);
    const seen = new Set<string>();
    await run({
      nextUpload: ({ systemId }) => {
        seen.add(systemId);
        return Promise.resolve(null);
      },
    });
    await temporal.client.nudgeIngest(systems);
    await Promise.all(systems.map(result));
    expect([...seen].sort()).toEqual([...systems].sort());
  });

  it('tries a failed ingest again, and stops at an error that no retry can help', async () => {
    let attempts = 0;
    await run({
      nextUpload: ({ systemId }) => Promise.resolve({ systemId, uploadId: 'u1' }),
      ingestUpload: () => {
        attempts += 1;
        return Promise.reject(failure(attempts < 2 ? 'ReaderFailed' : 'ObjectStoreRefused'));
      },
    });
    await temporal.client.nudgeIngest(['refused']);
    await expect(result('refused')).rejects.toMatchObject({
      cause: { cause: { type: 'ObjectStoreRefused' } },
    });
    expect(attempts).toBe(2);
  });

  it('ends as cancelled after the step in hand, and leaves its upload to whoever starts it anew', async () => {
    const begun = gate();
    const queue = ['u1'];
    let attempts = 0;
    let inHand = 0;
    let most = 0;
    await run({
      nextUpload: ({ systemId }) => {
        const [uploadId] = queue;
        return Promise.resolve(uploadId === undefined ? null : { systemId, uploadId });
      },
      ingestUpload: () =>
        runActivity(async ({ signal }) => {
          attempts += 1;
          inHand += 1;
          most = Math.max(most, inHand);
          begun.open();
          try {
            if (attempts === 1) {
              await once(signal, 'abort');
              // As a step that tidies up: the workflow is not to be over meanwhile.
              await sleep(300);
              signal.throwIfAborted();
            }
          } finally {
            inHand -= 1;
          }
          queue.shift();
          return { status: 'ingested', rows: NO_ROWS, reason: null };
        }),
    });
    const handle = temporal.client.connection.temporal.workflow.getHandle('ingest/cancelled');
    await temporal.client.nudgeIngest(['cancelled']);
    await begun.opened;
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect((await handle.describe()).status.name).toBe('CANCELLED');
    expect([attempts, inHand]).toEqual([1, 0]);

    await temporal.client.nudgeIngest(['cancelled']);
    expect(await result('cancelled')).toMatchObject({ ingested: 1, quarantined: 0 });
    expect([attempts, most]).toEqual([2, 1]);
  }, 30_000);

  it('shows how far it is, and names the upload of each step', async () => {
    const reached = gate();
    const shown = gate();
    let looks = 0;
    await run({
      nextUpload: ({ systemId }) => {
        looks += 1;
        return Promise.resolve(looks < 3 ? { systemId, uploadId: `u${looks}` } : null);
      },
      ingestUpload: async ({ uploadId }) => {
        if (uploadId === 'u2') {
          reached.open();
          await shown.opened;
        }
        return { status: 'ingested', rows: NO_ROWS, reason: null };
      },
    });
    await temporal.client.nudgeIngest(['shown']);
    await reached.opened;
    expect(await temporal.client.progress('ingest/shown')).toMatchObject({
      phase: 'ingest',
      done: 1,
      total: null,
      unit: 'uploads',
      systemId: 'shown',
      uploadId: 'u2',
    });
    shown.open();
    await result('shown');
    const { events } = await temporal.client.connection.temporal.workflow
      .getHandle('ingest/shown')
      .fetchHistory();
    const summaries = (events ?? [])
      .filter((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'ingestUpload')
      .map((event) => Buffer.from(event.userMetadata?.summary?.data ?? []).toString());
    expect(summaries).toEqual(['"upload u1"', '"upload u2"']);
    // Of its last upload: what it began with stood in them from the start.
    const changes = (events ?? []).filter((event) => event.upsertWorkflowSearchAttributesEventAttributes);
    expect(changes).toHaveLength(1);
  });

  it('closes with what came of it, and names the last upload', async () => {
    const queue = ['u1', 'u2'];
    await run({
      nextUpload: ({ systemId }) => {
        const [uploadId] = queue;
        return Promise.resolve(uploadId === undefined ? null : { systemId, uploadId });
      },
      ingestUpload: ({ uploadId }) => {
        queue.shift();
        return uploadId === 'u1'
          ? Promise.resolve({ status: 'ingested', rows: { ...NO_ROWS, new: 7, absent: 1 }, reason: null })
          : Promise.resolve({ status: 'quarantined', rows: NO_ROWS, reason: 'torn' });
      },
    });
    await temporal.client.nudgeIngest(['closing']);
    await result('closing');
    expect(await temporal.searchAttributes('ingest/closing')).toEqual({
      AkoshaPhase: 'ingest',
      AkoshaSystemId: 'closing',
      AkoshaUploadId: 'u2',
    });
    expect(await temporal.details('ingest/closing')).toBe(
      '**done**: uploads: ingested 1, quarantined 1; rows: new 7, absent 1\n- system `closing`\n- upload `u2`',
    );
    expect(await temporal.client.progress('ingest/closing')).toMatchObject({ phase: 'done', done: 2 });
  });

  it('goes on in a new run long before 2,000 events, and before the server suggests it', async () => {
    const queue = Array.from({ length: 200 }, (_, n) => `u${n}`);
    const systemId = 'many';
    const first = (): UploadRef | null => (queue[0] === undefined ? null : { systemId, uploadId: queue[0] });
    await run({
      nextUpload: () => Promise.resolve(first()),
      ingestUpload: () => {
        queue.shift();
        return Promise.resolve({ status: 'ingested', rows: NO_ROWS, reason: null, next: first() });
      },
    });
    const { workflow } = temporal.client.connection.temporal;
    const { signaledRunId } = await workflow.signalWithStart('ingestSystem', {
      workflowId: `ingest/${systemId}`,
      taskQueue: TASK_QUEUES.server,
      args: [{ systemId }],
      signal: SIGNALS.uploadReady,
    });
    expect(await workflow.getHandle(`ingest/${systemId}`, signaledRunId).result()).toMatchObject({
      ingested: 200,
    });
    const lengths = await temporal.eventsOfRuns(`ingest/${systemId}`, signaledRunId);
    expect(lengths).toHaveLength(2);
    expect(Math.max(...lengths)).toBeLessThan(1_020);
    // A question to a run that is closed has its whole history replayed.
    const closed = workflow.getHandle(`ingest/${systemId}`, signaledRunId);
    expect(await closed.query<Progress>(QUERIES.progress)).toMatchObject({ phase: 'ingest' });
  });

  it('counts what an ingest did beside the upload it was asked for', async () => {
    const ref: UploadRef = { systemId: 'in-turn', uploadId: 'u1' };
    const totals = { ingested: 2, quarantined: 1, rows: { ...NO_ROWS, new: 5 } };
    await run({
      nextUpload: () => Promise.resolve(ref),
      ingestUpload: () =>
        Promise.resolve({
          status: 'ingested',
          rows: { ...NO_ROWS, new: 7 },
          reason: null,
          next: null,
          further: { lastUploadId: 'u4', totals },
        }),
    });
    await temporal.client.nudgeIngest(['in-turn']);
    expect(await result('in-turn')).toEqual({ ingested: 3, quarantined: 1, rows: { ...NO_ROWS, new: 12 } });
    expect(await temporal.searchAttributes('ingest/in-turn')).toMatchObject({ AkoshaUploadId: 'u4' });
  });

  it('closes with nothing where nothing was queued', async () => {
    await run({});
    await temporal.client.nudgeIngest(['nothing']);
    await result('nothing');
    expect(await temporal.searchAttributes('ingest/nothing')).toEqual({
      AkoshaPhase: 'ingest',
      AkoshaSystemId: 'nothing',
    });
    expect(await temporal.details('ingest/nothing')).toContain(
      'uploads: ingested 0, quarantined 0; rows: none',
    );
  });

  it('reports a workflow that does not exist', async () => {
    await run({});
    await eventually(() =>
      expect(temporal.client.progress('ingest/nobody')).rejects.toMatchObject({
        type: 'BadRequest',
        message: expect.stringContaining('ingest/nobody'),
      }),
    );
  });
});
