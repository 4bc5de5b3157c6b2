import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { TASK_QUEUES, WORKFLOWS, type RetentionCursor } from '../../src/contract/index.js';
import type { maintenance } from '../../src/workflows/index.js';
import { createNamespace, type RunningWorkers, type TestNamespace } from '../support/temporal.js';

describe('maintenance', () => {
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

  it('deletes raw uploads from batch to batch, tries again what failed, and adds up', async () => {
    const asked: (RetentionCursor | null)[] = [];
    const next: RetentionCursor = { part: 'expired', since: 1, systemId: 'a', uploadId: 'u1' };
    workers = await temporal.runWorkers({
      store: {
        // A double that keeps what is asked for; what a batch does is tested with the store.
        retireUploads: ({ after }) => {
          asked.push(after);
          if (asked.length === 2) return Promise.reject(new Error('injected'));
          return Promise.resolve({ deleted: 2, next: asked.length === 1 ? next : null });
        },
      },
    });
    const run = await temporal.client.connection.temporal.workflow.start<typeof maintenance>(
      WORKFLOWS.maintenance,
      { workflowId: 'maintenance', taskQueue: TASK_QUEUES.server, args: [] },
    );
    expect(await run.result()).toEqual({ deletedUploads: 4 });
    expect(asked).toEqual([null, next, next]);
    expect(await temporal.client.progress('maintenance')).toMatchObject({
      phase: 'done',
      done: 4,
      unit: 'uploads',
    });
  });
});
