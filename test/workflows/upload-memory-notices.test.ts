import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { AgentActivities } from '../../src/contract/index.js';
import { createNamespace, failure, type RunningWorkers, type TestNamespace } from '../support/temporal.js';

/** Agents are doubles here, because the tests are about whether and when they are asked to tell. */
describe('uploadMemory', () => {
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

  /** Runs the agent of a system; what it is asked to tell is counted. */
  const run = async (
    systemId: string,
    notices: boolean,
    agent: Partial<AgentActivities> = {},
  ): Promise<{ told: number }> => {
    const count = { told: 0 };
    const outbox = { uploads: [], requested: false };
    workers = await temporal.runWorkers({
      agents: {
        [systemId]: {
          readOutbox: () => Promise.resolve(notices ? { ...outbox, notices } : outbox),
          sendNotices: () => {
            count.told += 1;
            return Promise.resolve();
          },
          ...agent,
        },
      },
    });
    return count;
  };

  it.each([
    { systemId: 'told', notices: true, times: 1 },
    // Also an agent of before there were notices, which could not send any.
    { systemId: 'alone', notices: false, times: 0 },
  ])('has somebody told where there is somebody: $systemId', async ({ systemId, notices, times }) => {
    const count = await run(systemId, notices);
    expect(await (await temporal.client.requestSync(systemId)).result()).toMatchObject({
      status: 'delivered',
    });
    expect(count.told).toBe(times);
  });

  it('has somebody told of a failure', async () => {
    const count = await run('failing', true, {
      takeSnapshot: () => Promise.reject(failure('NothingToUpload')),
    });
    await expect((await temporal.client.requestSync('failing')).result()).rejects.toThrow();
    expect(count.told).toBe(1);
  });

  it('does not fail for a receiver that refuses', async () => {
    await run('refused', true, { sendNotices: () => Promise.reject(failure('WebhookRefused')) });
    const handle = await temporal.client.requestSync('refused');
    expect(await handle.result()).toMatchObject({ status: 'delivered' });
  });

  it('begins the next upload that is asked for while a receiver is away', async () => {
    let snapshots = 0;
    let again: Promise<unknown> | undefined;
    const begun = performance.now();
    await run('awaiting', true, {
      takeSnapshot: ({ uploadId }) => {
        snapshots += 1;
        return Promise.resolve({ status: 'prepared', uploadId, files: 1, bytes: 1, rows: {}, omitted: [] });
      },
      sendNotices: () => {
        again ??= temporal.client.requestSync('awaiting');
        // Long enough that a workflow which waited for it would be seen to.
        return Promise.reject(
          failure('WebhookFailed', 'away', snapshots > 1 ? {} : { nextRetryDelay: 20_000 }),
        );
      },
    });
    const handle = await temporal.client.requestSync('awaiting');
    while (snapshots < 2 && performance.now() - begun < 15_000) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(snapshots).toBe(2);
    await again;
    const workflow = temporal.client.connection.temporal.workflow.getHandle(handle.workflowId);
    await workflow.terminate();
  });
});
