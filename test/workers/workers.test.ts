import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runActivity } from '../../src/activities/run-activity.js';
import { freePort } from '../../src/servers/index.js';
import { connectWorkers, runWorkers } from '../../src/workers/index.js';
import { createServerWorkers } from '../../src/workers/server.js';
import { createNamespace, gate, IDLE_STORE, type TestNamespace, walked } from '../support/temporal.js';

describe('workers', () => {
  let temporal: TestNamespace;

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
  });
  afterAll(() => temporal.close());

  it('hand back an activity that outlasts their grace, and the next worker takes it up', async () => {
    const reached = gate();
    const stopped: unknown[] = [];
    const first = await temporal.runWorkers({
      settings: { shutdownGraceMs: 200 },
      store: {
        walkPortion: () =>
          runActivity(async ({ signal }) => {
            reached.open();
            await sleep(60_000, undefined, { signal }).catch(() => stopped.push(signal.reason));
            throw new Error('gave up');
          }),
      },
    });
    const run = await temporal.client.runDailyIngest();
    await reached.opened;
    const started = Date.now();
    await first.stop();
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(stopped).toHaveLength(1);

    const second = await temporal.runWorkers({
      store: { walkPortion: () => Promise.resolve(walked({ seen: 3, added: 1, at: 1 })) },
    });
    expect(await run.result()).toEqual({ seen: 3, added: 1 });
    await second.stop();
  });

  it('let an activity finish within their grace', async () => {
    const reached = gate();
    const workers = await temporal.runWorkers({
      settings: { shutdownGraceMs: 5_000 },
      store: {
        walkPortion: () =>
          runActivity(async ({ signal }) => {
            reached.open();
            await sleep(1_000, undefined, { signal });
            return walked({ seen: 8, added: 0, at: 1 });
          }),
      },
    });
    const run = await temporal.client.runDailyIngest();
    await reached.opened;
    await workers.stop();
    const next = await temporal.runWorkers({
      store: { walkPortion: () => Promise.reject(new Error('must not be asked again')) },
    });
    expect(await run.result()).toEqual({ seen: 8, added: 0 });
    await next.stop();
  });

  const createIdleWorkers = () =>
    createServerWorkers({
      connection: temporal.connection,
      namespace: temporal.namespace,
      identity: 'test-worker',
      activities: IDLE_STORE,
      ingestConcurrency: 1,
    });

  it('stop where they are told to before they start', async () => {
    const workers = await createIdleWorkers();
    await runWorkers(workers, AbortSignal.abort());
    expect(workers.map((worker) => worker.getState())).toEqual(['STOPPED', 'STOPPED']);
  });

  it('all stop where one fails, and its error is raised', async () => {
    const workers = await createIdleWorkers();
    const [first, second] = workers;
    if (first === undefined || second === undefined) expect.fail('there are two');
    // A worker that has been run cannot be run again: a failure as good as any.
    await runWorkers([first], AbortSignal.abort());
    await expect(runWorkers([first, second], new AbortController().signal)).rejects.toThrow(
      'already started',
    );
    expect(second.getState()).toBe('STOPPED');
  });

  it('say what to do where the workflows were not built', async () => {
    const settings = {
      connection: temporal.connection,
      namespace: temporal.namespace,
      identity: 'test-worker',
      activities: IDLE_STORE,
      ingestConcurrency: 1,
    };
    await expect(
      createServerWorkers({ ...settings, bundlePath: '/nowhere/bundle.js' }),
    ).rejects.toMatchObject({
      type: 'BundleMissing',
      message: expect.stringMatching(/\/nowhere\/bundle\.js.*npm run build/),
    });
  });

  it('say so where Temporal does not answer', async () => {
    await expect(connectWorkers({ address: `127.0.0.1:${await freePort()}` })).rejects.toMatchObject({
      type: 'OrchestratorUnavailable',
      message: expect.stringContaining('TEMPORAL_ADDRESS'),
    });
  });
});
