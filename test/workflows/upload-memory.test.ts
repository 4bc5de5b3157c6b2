import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { runActivity } from '../../src/activities/run-activity.js';
import { AkoshaError, type AgentActivities, type UploadRef } from '../../src/contract/index.js';
import { createNamespace, eventually, failure, gate } from '../support/temporal.js';
import type { RunningWorkers, TestNamespace, TestWorkers } from '../support/temporal.js';

/** Agents and store are doubles here, because the tests are about the order of steps and about faults between them. */
describe('uploadMemory', () => {
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;

  const run = async (options: TestWorkers): Promise<void> => {
    workers = await temporal.runWorkers(options);
  };

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
  });
  afterEach(async () => {
    await workers?.stop();
    workers = undefined;
  });
  afterAll(() => temporal.close());

  it('delivers what the outbox holds first, then a fresh snapshot, step by step', async () => {
    const calls: string[] = [];
    const note =
      (step: string) =>
      ({ uploadId }: UploadRef): Promise<void> => {
        calls.push(`${step} ${uploadId}`);
        return Promise.resolve();
      };
    const omitted = [{ name: 'graph.duckdb', reason: 'not a database' }];
    const agent: AgentActivities = {
      outstandingUploads: () => Promise.resolve(['old-1', 'old-2']),
      takeSnapshot: async (ref) => {
        await note('snapshot')(ref);
        return { uploadId: ref.uploadId, files: 2, bytes: 30, rows: {}, omitted };
      },
      uploadFiles: async (ref) => {
        await note('files')(ref);
        return { files: ['a', 'b'], bytes: 30 };
      },
      commitUpload: note('manifest'),
      announceUpload: note('inbox'),
      closeUpload: note('outbox'),
      dropUpload: note('drop'),
    };
    const handOver = async (ref: UploadRef): Promise<{ added: boolean }> => {
      await note('hand over')(ref);
      return { added: true };
    };
    await run({ agents: { ordered: agent }, store: { handOver } });
    const result = await (await temporal.client.requestSync('ordered')).result();

    expect(result).toEqual({
      uploadId: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      filesUploaded: ['a', 'b'],
      bytesTransferred: 30,
      omitted,
    });
    const delivery = (id: string): string[] =>
      ['files', 'manifest', 'inbox', 'outbox', 'hand over'].map((step) => `${step} ${id}`);
    expect(calls).toEqual([
      ...delivery('old-1'),
      ...delivery('old-2'),
      `snapshot ${result.uploadId}`,
      ...delivery(result.uploadId),
    ]);
  });

  it.each(['takeSnapshot', 'closeUpload'] as const)(
    'runs again for a request that comes during %s, and both who asked get the later upload',
    async (step) => {
      const systemId = `again-${step}`;
      const snapshots: string[] = [];
      const reached = gate();
      const asked = gate();
      const holdFirst = async ({ uploadId }: UploadRef): Promise<void> => {
        if (uploadId !== snapshots[0]) return;
        reached.open();
        await asked.opened;
      };
      await run({
        agents: {
          [systemId]: {
            takeSnapshot: async (ref) => {
              snapshots.push(ref.uploadId);
              if (step === 'takeSnapshot') await holdFirst(ref);
              return { uploadId: ref.uploadId, files: 1, bytes: 1, rows: {}, omitted: [] };
            },
            closeUpload: (ref) => (step === 'closeUpload' ? holdFirst(ref) : Promise.resolve()),
          },
        },
      });
      const first = await temporal.client.requestSync(systemId);
      await reached.opened;
      const second = await temporal.client.requestSync(systemId);
      asked.open();

      expect(second.runId).toBe(first.runId);
      const results = await Promise.all([first.result(), second.result()]);
      expect(snapshots).toHaveLength(2);
      expect(results.map(({ uploadId }) => uploadId)).toEqual([snapshots[1], snapshots[1]]);
    },
  );

  it('answers a request that came before the snapshot with one upload', async () => {
    const snapshots: string[] = [];
    const asked = gate();
    await run({
      agents: {
        patient: {
          outstandingUploads: async () => {
            await asked.opened;
            return [];
          },
          takeSnapshot: ({ uploadId }) => {
            snapshots.push(uploadId);
            return Promise.resolve({ uploadId, files: 1, bytes: 1, rows: {}, omitted: [] });
          },
        },
      },
    });
    await temporal.client.requestSync('patient');
    const second = await temporal.client.requestSync('patient');
    asked.open();
    await second.result();
    expect(snapshots).toHaveLength(1);
  });

  it('tries a failed step again, and means the same upload by it', async () => {
    const attempts: string[] = [];
    await run({
      agents: {
        flaky: {
          commitUpload: ({ uploadId }) => {
            attempts.push(uploadId);
            return attempts.length < 3
              ? Promise.reject(failure('ObjectStoreUnavailable'))
              : Promise.resolve();
          },
        },
      },
    });
    const { uploadId } = await (await temporal.client.requestSync('flaky')).result();
    expect(attempts).toEqual([uploadId, uploadId, uploadId]);
  });

  it('fails with the error of a step that no retry can help', async () => {
    await run({
      agents: { bare: { takeSnapshot: () => Promise.reject(failure('NothingToUpload', 'no database')) } },
    });
    const handle = await temporal.client.requestSync('bare');
    const error: unknown = await handle.result().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AkoshaError);
    expect(error).toMatchObject({
      type: 'NothingToUpload',
      message: 'no database',
      details: { why: 'test' },
    });
  });

  it('succeeds although the server cannot be told', async () => {
    await run({
      agents: { unheard: {} },
      store: { handOver: () => Promise.reject(failure('BadRequest')) },
    });
    const { filesUploaded } = await (await temporal.client.requestSync('unheard')).result();
    expect(filesUploaded).toHaveLength(1);
  });

  it('drops an outstanding upload whose id is taken, and goes on', async () => {
    const dropped: string[] = [];
    await run({
      agents: {
        replaced: {
          outstandingUploads: () => Promise.resolve(['taken']),
          commitUpload: ({ uploadId }) =>
            uploadId === 'taken' ? Promise.reject(failure('UploadReplaced')) : Promise.resolve(),
          dropUpload: ({ uploadId }) => {
            dropped.push(uploadId);
            return Promise.resolve();
          },
        },
      },
    });
    await (await temporal.client.requestSync('replaced')).result();
    expect(dropped).toEqual(['taken']);
  });

  it('stops where it is when it is cancelled, and a later request starts it anew', async () => {
    const after: string[] = [];
    const reached = gate();
    let stopped = false;
    let hold = true;
    await run({
      agents: {
        cancelled: {
          // Through the wrapper, because only heartbeats bring the news.
          uploadFiles: () =>
            runActivity(async ({ signal }) => {
              reached.open();
              if (hold) await sleep(60_000, undefined, { signal }).finally(() => (stopped = true));
              return { files: [], bytes: 0 };
            }),
          commitUpload: ({ uploadId }) => {
            after.push(uploadId);
            return Promise.resolve();
          },
        },
      },
    });
    const handle = await temporal.client.requestSync('cancelled');
    await reached.opened;
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject({ type: 'Cancelled' });
    expect(stopped).toBe(true);
    expect(after).toEqual([]);

    hold = false;
    const { uploadId } = await (await temporal.client.requestSync('cancelled')).result();
    expect(after).toEqual([uploadId]);
  });

  it('shows where it is: search attributes, summary, details and progress', async () => {
    const reached = gate();
    const shown = gate();
    await run({
      agents: {
        visible: {
          uploadFiles: async () => {
            reached.open();
            await shown.opened;
            return { files: ['a'], bytes: 10 };
          },
        },
      },
    });
    const handle = await temporal.client.requestSync('visible');
    await reached.opened;
    const progress = await handle.progress();
    expect(progress).toMatchObject({
      phase: 'transfer',
      done: 0,
      total: 1,
      unit: 'files',
      systemId: 'visible',
      tier: null,
    });
    expect(new Date(progress.updatedAt).toISOString()).toBe(progress.updatedAt);
    const { workflow } = temporal.client.connection.temporal;
    const description = await workflow.getHandle('upload/visible').describe();
    const attributes = Object.fromEntries(
      description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
    );
    expect(attributes).toMatchObject({
      AkoshaSystemId: 'visible',
      AkoshaPhase: 'transfer',
      AkoshaUploadId: progress.uploadId,
    });
    expect(await description.staticSummary()).toBe('Uploads the memories of visible');
    expect(await description.staticDetails()).toContain('akosha-agent-visible');
    const metadata = await workflow.getHandle('upload/visible').query<object>('__temporal_workflow_metadata');
    expect(metadata).toMatchObject({ currentDetails: expect.stringContaining('**transfer**: 0 of 1 files') });
    expect(metadata).toMatchObject({
      definition: {
        queryDefinitions: expect.arrayContaining([
          { name: 'progress', description: expect.stringContaining('phase') },
        ]),
        signalDefinitions: [{ name: 'syncRequested', description: expect.stringContaining('upload') }],
      },
    });
    const listed = await eventually(async () => {
      const found: string[] = [];
      const query = `AkoshaSystemId = 'visible' AND AkoshaPhase = 'transfer'`;
      for await (const { workflowId } of workflow.list({ query })) found.push(workflowId);
      expect(found).not.toEqual([]);
      return found;
    });
    expect(listed).toEqual(['upload/visible']);
    shown.open();
    await handle.result();
  });

  it('takes the same path where every task is a replay from the start', async () => {
    const snapshots: string[] = [];
    const asked = gate();
    const reached = gate();
    await run({
      settings: { maxCachedWorkflows: 0 },
      agents: {
        uncached: {
          outstandingUploads: () => Promise.resolve(['old']),
          takeSnapshot: async ({ uploadId }) => {
            snapshots.push(uploadId);
            reached.open();
            await asked.opened;
            return { uploadId, files: 1, bytes: 1, rows: {}, omitted: [] };
          },
        },
      },
    });
    const handle = await temporal.client.requestSync('uncached');
    await reached.opened;
    await temporal.client.requestSync('uncached');
    asked.open();
    const { uploadId } = await handle.result();
    expect(snapshots).toHaveLength(2);
    expect(uploadId).toBe(snapshots[1]);
  });
});
