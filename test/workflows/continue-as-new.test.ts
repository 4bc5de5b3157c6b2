import { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ingestActivities } from '../../src/activities/server-ingest.js';
import { manifestKey, NO_ROWS, type UploadRef } from '../../src/contract/index.js';
import { requireServer } from '../../src/servers/index.js';
import { NOW, openIngestWorld } from '../ingest/support.js';
import {
  createNamespace,
  gate,
  snapshotOf,
  walked,
  type RunningWorkers,
  type TestNamespace,
} from '../support/temporal.js';

/** Events after which the server suggests a new run, by default some thousands. */
const SUGGESTED_AFTER = 30;

/** Doubles for agent and store: only the number of events and what is carried over counts here. */
describe('a workflow whose history grows', () => {
  let server: TestWorkflowEnvironment;
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;

  /** Events of each run in the chain of a workflow. */
  const historiesOf = async (workflowId: string): Promise<number[]> => {
    const { runId } = await firstRun(workflowId);
    return temporal.eventsOfRuns(workflowId, runId);
  };
  const runsOf = async (workflowId: string): Promise<number> => (await historiesOf(workflowId)).length;
  const firstRun = async (workflowId: string): Promise<{ runId: string }> => {
    const { workflow } = temporal.client.connection.temporal;
    const { events } = await workflow.getHandle(workflowId).fetchHistory();
    const started = events?.[0]?.workflowExecutionStartedEventAttributes;
    return { runId: started?.firstExecutionRunId ?? '' };
  };

  beforeAll(async () => {
    server = await TestWorkflowEnvironment.createLocal({
      server: {
        executable: { type: 'existing-path', path: (await requireServer('temporal')).path },
        log: { format: 'json', level: 'error' },
        extraArgs: ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${SUGGESTED_AFTER}`],
      },
    });
    temporal = await createNamespace(server.address);
  });
  afterEach(async () => {
    await workers?.stop();
    workers = undefined;
  });
  afterAll(async () => {
    await temporal.close();
    await server.teardown();
  });

  it('ingestSystem goes on in a new run, with its totals and its search attributes', async () => {
    const queue = Array.from({ length: 20 }, (_, n) => `u${String(n).padStart(2, '0')}`);
    const ingested: string[] = [];
    workers = await temporal.runWorkers({
      store: {
        nextUpload: ({ systemId }) => {
          const [uploadId] = queue;
          return Promise.resolve(uploadId === undefined ? null : { systemId, uploadId });
        },
        ingestUpload: ({ uploadId }) => {
          ingested.push(uploadId);
          queue.shift();
          return Promise.resolve({ status: 'ingested', rows: { ...NO_ROWS, new: 2 }, reason: null });
        },
      },
    });
    await temporal.client.nudgeIngest(['long']);
    const { workflow } = temporal.client.connection.temporal;
    const { runId } = await firstRun('ingest/long');
    expect(await workflow.getHandle('ingest/long', runId).result()).toEqual({
      ingested: 20,
      quarantined: 0,
      rows: { ...NO_ROWS, new: 40 },
    });
    expect(ingested).toEqual([...ingested].sort());
    expect(ingested).toHaveLength(20);
    expect(await runsOf('ingest/long')).toBeGreaterThan(2);
    // A run that went on in another, and the last one.
    expect(await temporal.searchAttributes('ingest/long', runId)).toEqual({
      AkoshaPhase: 'ingest',
      AkoshaSystemId: 'long',
      AkoshaUploadId: expect.stringMatching(/^u\d\d$/),
    });
    expect(await temporal.searchAttributes('ingest/long')).toEqual({
      AkoshaPhase: 'ingest',
      AkoshaSystemId: 'long',
      AkoshaUploadId: 'u19',
    });
    expect(await temporal.details('ingest/long')).toContain(
      'uploads: ingested 20, quarantined 0; rows: new 40',
    );
  });

  it('ingestSystem keeps its priority, and the one that an announcement raised it to', async () => {
    const queues = new Map(['patient', 'raised'].map((systemId) => [systemId, 14]));
    const { workflow } = temporal.client.connection.temporal;
    workers = await temporal.runWorkers({
      store: {
        nextUpload: ({ systemId }) => {
          const left = queues.get(systemId) ?? 0;
          return Promise.resolve(left === 0 ? null : { systemId, uploadId: `u${left}` });
        },
        ingestUpload: async ({ systemId }) => {
          const left = queues.get(systemId) ?? 0;
          if (systemId === 'raised' && left === 14) await temporal.client.nudgeIngest([systemId]);
          queues.set(systemId, left - 1);
          return { status: 'ingested', rows: NO_ROWS, reason: null };
        },
      },
    });
    await temporal.client.nudgeIngest(['patient', 'raised'], { urgency: 'backlog' });
    for (const [systemId, ingestsHave] of [
      ['patient', undefined],
      ['raised', 3],
    ] as const) {
      const id = `ingest/${systemId}`;
      const { runId } = await firstRun(id);
      const first = workflow.getHandle(id, runId);
      await first.result();
      const continued = (await first.fetchHistory()).events?.at(-1);
      const second = workflow.getHandle(
        id,
        continued?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? expect.fail(),
      );
      // What has none has its workflow's.
      expect((await second.describe()).priority).toMatchObject({ priorityKey: 5 });
      const { events } = await second.fetchHistory();
      const ingests = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: its }) =>
        its?.activityType?.name === 'ingestUpload' ? [its.priority?.priorityKey || undefined] : [],
      );
      expect(new Set(ingests)).toEqual(new Set([ingestsHave]));
    }
  });

  it('ingestSystem names the last upload also where the last run had none to ingest', async () => {
    let looks = 0;
    const uploads: string[] = [];
    workers = await temporal.runWorkers({
      store: {
        // Uploads until the history is as long as a run's may be: the next run finds nothing.
        nextUpload: async ({ systemId }) => {
          looks += 1;
          const runs = await runsOf('ingest/carried');
          return runs > 1 ? null : { systemId, uploadId: `u${looks}` };
        },
        ingestUpload: ({ uploadId }) => {
          uploads.push(uploadId);
          return Promise.resolve({ status: 'ingested', rows: NO_ROWS, reason: null });
        },
      },
    });
    await temporal.client.nudgeIngest(['carried']);
    const { runId } = await firstRun('ingest/carried');
    await temporal.client.connection.temporal.workflow.getHandle('ingest/carried', runId).result();
    expect(await runsOf('ingest/carried')).toBe(2);
    for (const run of [runId, undefined]) {
      expect(await temporal.searchAttributes('ingest/carried', run)).toMatchObject({
        AkoshaUploadId: uploads.at(-1),
      });
    }
    expect(await temporal.details('ingest/carried')).toContain(`- upload \`${uploads.at(-1)}\``);
  });

  it('tierTransition keeps its instant and its counts', async () => {
    const instants = new Set<number>();
    let hot = 100;
    workers = await temporal.runWorkers({
      store: {
        planTransition: ({ asOf }) =>
          Promise.resolve({ asOf: asOf ?? 1_700_000_000_000, hot, warm: 0, partitions: [] }),
        moveToWarm: ({ asOf }) => {
          instants.add(asOf);
          const moved = Math.min(hot, 5);
          hot -= moved;
          return Promise.resolve({ due: moved, moved });
        },
      },
    });
    const run = await temporal.client.runTierTransition({ all: true });
    expect(await run.result()).toMatchObject({ toWarm: 100, toCold: 0, asOf: '2023-11-14T22:13:20.000Z' });
    expect([...instants]).toEqual([1_700_000_000_000]);
    expect(await runsOf(run.workflowId)).toBeGreaterThan(2);
    const { runId } = await firstRun(run.workflowId);
    const first = await temporal.searchAttributes(run.workflowId, runId);
    expect(first).toEqual({ AkoshaPhase: 'warm', AkoshaTier: 'warm' });
    const last = await temporal.searchAttributes(run.workflowId);
    expect(last).toEqual({ AkoshaPhase: 'done', AkoshaTier: 'warm' });
  });

  it('dailyIngest goes on walking where it was, with few systems to a portion, in runs of few events', async () => {
    const world = await openIngestWorld();
    const hosts = Array.from({ length: 12 }, (_, n) => `host-${n}`);
    for (const systemId of hosts) await world.uploads.put(manifestKey({ systemId, uploadId: 'u' }), '{}');
    const told: string[] = [];
    const { walkPortion } = ingestActivities({
      ingest: world.context,
      nudge: (systemIds) => Promise.resolve(void told.push(...systemIds)),
      now: () => NOW,
      onIngested: () => undefined,
      stopping: new AbortController().signal,
      log: { warn: () => undefined },
      walkSizes: { systems: 1, uploads: 1, pages: 1 },
    });
    workers = await temporal.runWorkers({ store: { walkPortion } });
    const run = await temporal.client.runDailyIngest();
    expect(await run.result()).toEqual({ seen: 12, added: 12 });
    expect(told.toSorted()).toEqual(hosts.toSorted());
    const lengths = await historiesOf(run.workflowId);
    expect(lengths.length).toBeGreaterThan(2);
    expect(Math.max(...lengths)).toBeLessThan(SUGGESTED_AFTER + 10);
    await world.close();
  });

  it('dailyIngest goes on waiting, and does not walk again', async () => {
    let walks = 0;
    let looks = 0;
    workers = await temporal.runWorkers({
      store: {
        walkPortion: () => {
          walks += 1;
          return Promise.resolve(walked({ seen: 9, added: 4, at: 77 }));
        },
        countUnfinished: () => {
          looks += 1;
          return Promise.resolve(looks < 5 ? 1 : 0);
        },
      },
    });
    const run = await temporal.client.runDailyIngest({ wait: true });
    expect(await run.result()).toEqual({ seen: 9, added: 4 });
    expect(walks).toBe(1);
    expect(await runsOf(run.workflowId)).toBeGreaterThan(1);
  });

  it('uploadMemory answers a request in a new run', async () => {
    const snapshots: string[] = [];
    const asked = gate();
    const reached = gate();
    const first = ({ uploadId }: UploadRef): boolean => uploadId === snapshots[0];
    workers = await temporal.runWorkers({
      agents: {
        busy: {
          readOutbox: () =>
            Promise.resolve({
              uploads: snapshots.length === 0 ? [{ uploadId: 'old', files: 1, bytes: 1 }] : [],
              requested: false,
            }),
          takeSnapshot: ({ uploadId }) => {
            snapshots.push(uploadId);
            return Promise.resolve(snapshotOf(uploadId));
          },
          closeUpload: async (ref) => {
            if (!first(ref)) return;
            reached.open();
            await asked.opened;
          },
        },
      },
    });
    const handle = await temporal.client.requestSync('busy');
    await reached.opened;
    await temporal.client.requestSync('busy');
    asked.open();
    expect((await handle.result()).uploadId).toBe(snapshots[1]);
    expect(snapshots).toHaveLength(2);
    expect(await runsOf('upload/busy')).toBe(2);
  });
});
