import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { runActivity } from '../../src/activities/run-activity.js';
import {
  AkoshaError,
  QUERIES,
  SIGNALS,
  type AgentActivities,
  type UploadRef,
  type WaitingUpload,
} from '../../src/contract/index.js';
import { createNamespace, eventually, failure, gate, snapshotOf } from '../support/temporal.js';
import type { RunningWorkers, TestNamespace, TestWorkers } from '../support/temporal.js';

const waitingUpload = (uploadId: string): WaitingUpload => ({ uploadId, files: 1, bytes: 10 });

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

  it('takes a snapshot, then delivers all that waits, in order and step by step', async () => {
    const calls: string[] = [];
    const note =
      (step: string) =>
      ({ uploadId }: UploadRef): Promise<void> => {
        calls.push(`${step} ${uploadId}`);
        return Promise.resolve();
      };
    const omitted = [{ name: 'graph.duckdb', reason: 'not a database' }];
    const waiting = [waitingUpload('old')];
    const agent: Partial<AgentActivities> = {
      readOutbox: () => Promise.resolve({ uploads: waiting, requested: false }),
      takeSnapshot: async (ref) => {
        await note('snapshot')(ref);
        waiting.push(waitingUpload(ref.uploadId));
        return snapshotOf(ref.uploadId, { files: 2, rows: { entity: 3 }, omitted });
      },
      deliverUpload: async (ref) => {
        await note('deliver')(ref);
        return { uploadId: ref.uploadId, method: 'http', files: ['a', 'b'], bytes: 30 };
      },
      closeUpload: note('close'),
      dropUpload: note('drop'),
    };
    const handOver = async (ref: UploadRef): Promise<{ added: boolean }> => {
      await note('hand over')(ref);
      return { added: true };
    };
    await run({ agents: { ordered: agent }, store: { handOver } });
    const result = await (await temporal.client.requestSync('ordered')).result();

    expect(result).toEqual({
      status: 'delivered',
      uploadId: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      method: 'http',
      filesUploaded: ['a', 'b'],
      bytesTransferred: 30,
      rows: { entity: 3 },
      omitted,
    });
    const delivery = (id: string): string[] =>
      ['deliver', 'close', 'hand over'].map((step) => `${step} ${id}`);
    expect(calls).toEqual([`snapshot ${result.uploadId}`, ...delivery('old'), ...delivery(result.uploadId)]);
  });

  it('says so where nothing has changed, and sends nothing', async () => {
    const delivered: string[] = [];
    await run({
      agents: {
        same: {
          takeSnapshot: () => Promise.resolve(snapshotOf('long-ago', { status: 'unchanged' })),
          deliverUpload: ({ uploadId }) => {
            delivered.push(uploadId);
            return Promise.reject(failure('BadRequest'));
          },
        },
      },
    });
    const handle = await temporal.client.requestSync('same');
    expect(await handle.result()).toMatchObject({
      status: 'unchanged',
      uploadId: 'long-ago',
      method: null,
      filesUploaded: [],
      bytesTransferred: 0,
      rows: { conversation: 1 },
    });
    expect(delivered).toEqual([]);
  });

  it('takes no snapshot where nobody asks, and delivers what waits', async () => {
    const calls: string[] = [];
    const waiting = [waitingUpload('one'), waitingUpload('two')];
    await run({
      agents: {
        unasked: {
          readOutbox: () => Promise.resolve({ uploads: waiting, requested: false }),
          takeSnapshot: ({ uploadId }) => Promise.resolve(snapshotOf(uploadId)),
          deliverUpload: ({ uploadId }) => {
            calls.push(uploadId);
            return Promise.resolve({ uploadId, method: 'cloud', files: [], bytes: 1 });
          },
        },
      },
    });
    await temporal.client.resumeUploads('unasked');
    const handle = temporal.client.connection.temporal.workflow.getHandle('upload/unasked');
    expect(await handle.result()).toMatchObject({ status: 'delivered', uploadId: 'two' });
    expect(calls).toEqual(['one', 'two']);
  });

  it('takes one for a request that only the outbox knows of', async () => {
    const snapshots: string[] = [];
    await run({
      agents: {
        noted: {
          readOutbox: () => Promise.resolve({ uploads: [], requested: true }),
          takeSnapshot: ({ uploadId }) => {
            snapshots.push(uploadId);
            return Promise.resolve(snapshotOf(uploadId));
          },
        },
      },
    });
    await temporal.client.resumeUploads('noted');
    await temporal.client.connection.temporal.workflow.getHandle('upload/noted').result();
    expect(snapshots).toHaveLength(1);
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
              return snapshotOf(ref.uploadId);
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
          readOutbox: async () => {
            await asked.opened;
            return { uploads: [], requested: false };
          },
          takeSnapshot: ({ uploadId }) => {
            snapshots.push(uploadId);
            return Promise.resolve(snapshotOf(uploadId));
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
          deliverUpload: ({ uploadId }) => {
            attempts.push(uploadId);
            return attempts.length < 3
              ? Promise.reject(failure('ObjectStoreUnavailable', 'away', { nextRetryDelay: 100 }))
              : Promise.resolve({ uploadId, method: 'cloud', files: [], bytes: 0 });
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

  it.each(['of an earlier snapshot', 'of its own snapshot'])(
    'drops an upload whose id is taken, %s, and whoever asked gets another',
    async (which) => {
      const systemId = `replaced-${which.split(' ')[2]}`;
      const dropped: unknown[] = [];
      const snapshots: string[] = [];
      let taken: string | undefined;
      await run({
        agents: {
          [systemId]: {
            readOutbox: () =>
              Promise.resolve({
                uploads: taken === undefined ? [] : [waitingUpload(taken)],
                requested: false,
              }),
            takeSnapshot: ({ uploadId }) => {
              snapshots.push(uploadId);
              if (snapshots.length === 1) taken = which === 'of its own snapshot' ? uploadId : 'earlier';
              return Promise.resolve(snapshotOf(uploadId));
            },
            deliverUpload: ({ uploadId }) =>
              uploadId === taken
                ? Promise.reject(failure('UploadReplaced', 'it is taken'))
                : Promise.resolve({ uploadId, method: 'cloud', files: ['a'], bytes: 1 }),
            dropUpload: (upload) => {
              dropped.push(upload);
              taken = undefined;
              return Promise.resolve();
            },
          },
        },
      });
      const { uploadId } = await (await temporal.client.requestSync(systemId)).result();
      const own = which === 'of its own snapshot';
      expect(snapshots).toHaveLength(own ? 2 : 1);
      expect(uploadId).toBe(snapshots.at(-1));
      expect(dropped).toEqual([
        { systemId, uploadId: own ? snapshots[0] : 'earlier', reason: 'it is taken' },
      ]);
    },
  );

  it('clears up when it is cancelled, and a later request starts it anew', async () => {
    const calls: string[] = [];
    const reached = gate();
    let stopped = false;
    let hold = true;
    await run({
      agents: {
        cancelled: {
          // Through the wrapper, because only heartbeats bring the news.
          deliverUpload: ({ uploadId }) =>
            runActivity(async ({ signal }) => {
              reached.open();
              if (hold) await sleep(60_000, undefined, { signal }).finally(() => (stopped = true));
              return { uploadId, method: 'cloud', files: [], bytes: 0 };
            }),
          cancelUploads: ({ uploadId }) => {
            calls.push(`cancel ${uploadId}`);
            return Promise.resolve();
          },
          closeUpload: ({ uploadId }) => {
            calls.push(`close ${uploadId}`);
            return Promise.resolve();
          },
        },
      },
    });
    const handle = await temporal.client.requestSync('cancelled');
    await reached.opened;
    const { uploadId: first } = await handle.progress();
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject({ type: 'Cancelled' });
    expect(stopped).toBe(true);
    expect(calls).toEqual([`cancel ${first ?? ''}`]);

    hold = false;
    const { uploadId } = await (await temporal.client.requestSync('cancelled')).result();
    expect(calls.slice(1)).toEqual([`close ${uploadId}`]);
  });

  it('counts the bytes that the transfer reports, and no report that comes after its end', async () => {
    const reached = gate();
    const shown = gate();
    await run({
      agents: {
        counted: {
          deliverUpload: async ({ uploadId }) => {
            reached.open();
            await shown.opened;
            return { uploadId, method: 'cloud', files: ['a'], bytes: 10 };
          },
        },
      },
    });
    const handle = await temporal.client.requestSync('counted');
    await reached.opened;
    const { uploadId, bytes, totalBytes } = await handle.progress();
    expect({ bytes, totalBytes }).toEqual({ bytes: 0, totalBytes: 10 });
    const workflow = temporal.client.connection.temporal.workflow.getHandle('upload/counted');
    const sent = { uploadId, method: 'cloud', files: 0, bytes: 7, totalBytes: 10 };
    await workflow.signal(SIGNALS.transferProgress, { ...sent, uploadId: 'another', bytes: 9 });
    await workflow.signal(SIGNALS.transferProgress, sent);
    expect(await handle.progress()).toMatchObject({ phase: 'transfer', bytes: 7, totalBytes: 10 });
    shown.open();
    await handle.result();
    expect(await workflow.query(QUERIES.progress)).toMatchObject({
      phase: 'done',
      bytes: null,
      done: 1,
      total: 1,
    });
    const metadata = await workflow.query<object>('__temporal_workflow_metadata');
    expect(metadata).toMatchObject({
      currentDetails: expect.stringMatching(
        /^\*\*done\*\*: upload `\w+` delivered by cloud: 1 files, 10 bytes\n/,
      ),
    });
    const { typedSearchAttributes } = await workflow.describe();
    expect(typedSearchAttributes.getAll()).toContainEqual(
      expect.objectContaining({ key: expect.objectContaining({ name: 'AkoshaPhase' }), value: 'done' }),
    );
  });

  it('shows where it is: search attributes, summary, details and progress', async () => {
    const reached = gate();
    const shown = gate();
    await run({
      agents: {
        visible: {
          deliverUpload: async ({ uploadId }) => {
            reached.open();
            await shown.opened;
            return { uploadId, method: 'cloud', files: ['a'], bytes: 10 };
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
        signalDefinitions: [
          { name: 'syncRequested', description: expect.stringContaining('upload') },
          { name: 'transferProgress', description: expect.stringContaining('transfer') },
        ],
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
          readOutbox: () => Promise.resolve({ uploads: [waitingUpload('old')], requested: false }),
          takeSnapshot: async ({ uploadId }) => {
            snapshots.push(uploadId);
            reached.open();
            await asked.opened;
            return snapshotOf(uploadId);
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
