import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  createNamespace,
  eventually,
  type RunningWorkers,
  type TestNamespace,
  walked,
} from '../support/temporal.js';

/** The store is a double here: the tests are about when the workflow returns. */
describe('dailyIngest', () => {
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
  });
  afterEach(async () => {
    await workers?.stop();
    workers = undefined;
  });
  afterAll(() => temporal.close());

  it('walks and returns, without waiting for ingest', async () => {
    workers = await temporal.runWorkers({
      store: {
        walkPortion: () => Promise.resolve(walked({ seen: 12, added: 3, at: 5 })),
        countUnfinished: () => Promise.resolve(3),
      },
    });
    const run = await temporal.client.runDailyIngest();
    expect(run.workflowId).toMatch(/^daily-ingest\/manual\/\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(await run.result()).toEqual({ seen: 12, added: 3 });
    expect(await temporal.searchAttributes(run.workflowId)).toEqual({ AkoshaPhase: 'done' });
    expect(await temporal.details(run.workflowId)).toBe('**done**: uploads: looked at 12, new 3');
  });

  it('waits, where asked to, until all that was queued by the end of the walk is through', async () => {
    const asked: number[] = [];
    const left = [2, 1, 0];
    workers = await temporal.runWorkers({
      store: {
        walkPortion: () => Promise.resolve(walked({ seen: 12, added: 2, at: 1234 })),
        countUnfinished: ({ before }) => {
          asked.push(before);
          return Promise.resolve(left[asked.length - 1] ?? 0);
        },
      },
    });
    const run = await temporal.client.runDailyIngest({ wait: true });
    await eventually(async () => {
      expect(await run.progress()).toMatchObject({ phase: 'wait', done: 1, unit: 'uploads' });
    });
    expect(await run.result()).toEqual({ seen: 12, added: 2 });
    expect(asked).toEqual([1234, 1234, 1234]);
    expect(await temporal.details(run.workflowId)).toBe(
      '**done**: uploads: looked at 12, new 2; all that was queued is ingested or in quarantine',
    );
  });
});
