import { temporal as proto } from '@temporalio/proto';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { NO_ROWS, TASK_QUEUES, type StoreActivities, type Urgency } from '../../src/contract/index.js';
import { createNamespace, eventually, gate } from '../support/temporal.js';
import type { RunningWorkers, TestNamespace } from '../support/temporal.js';

/** What waits here comes in any case: a busy machine may take its time. */
const LONGEST_MS = 45_000;

/**
 * The store is a double that holds each ingest until the test lets it go: the test is about whose turn comes when, on a real Temporal's queue, and so
 * the order is decided by what stands in that queue when a place is free, however fast anything is.
 */
describe('ingest under load', () => {
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;
  /** What each system has waiting, its oldest first. */
  let pending: Map<string, string[]>;
  /** In the order in which they came to a place. */
  let begun: string[];
  /** Lets go of those in hand, by upload. */
  let inHand: Map<string, () => void>;
  let holds: (systemId: string) => boolean;

  const store: Partial<StoreActivities> = {
    ingestUpload: async ({ systemId, uploadId }) => {
      const upload = `${systemId} ${uploadId}`;
      begun.push(upload);
      if (holds(systemId)) {
        const held = gate();
        inHand.set(upload, held.open);
        await held.opened;
      }
      const [, ...rest] = pending.get(systemId) ?? [];
      pending.set(systemId, rest);
      const [next] = rest;
      const told = next === undefined ? null : { systemId, uploadId: next };
      return { status: 'ingested', rows: NO_ROWS, reason: null, next: told };
    },
  };

  /** Begins with the first upload at once: a look at the queue would need a place. */
  const start = async (systemIds: readonly string[], urgency: Urgency, uploads = 1): Promise<void> => {
    const uploadIds = Array.from({ length: uploads }, (_, n) => `u${n + 1}`);
    for (const systemId of systemIds) pending.set(systemId, uploadIds);
    const nextOf = (systemId: string) => Promise.resolve({ systemId, uploadId: 'u1' });
    await temporal.client.nudgeIngest(systemIds, { urgency, nextOf });
  };
  const run = (systemId: string) =>
    temporal.client.connection.temporal.workflow.getHandle(`ingest/${systemId}`);
  const through = (systemIds: readonly string[]) =>
    Promise.all(systemIds.map((systemId) => run(systemId).result()));
  const work = async (places: number): Promise<void> => {
    workers = await temporal.runWorkers({ store, settings: { ingestConcurrency: places } });
  };
  const letGo = (upload: string): void => {
    inHand.get(upload)?.();
    inHand.delete(upload);
  };

  /** Until each has its next ingest in hand or waiting, as its history says. */
  const haveAsked = (systemIds: readonly string[]) =>
    Promise.all(
      systemIds.map((systemId) =>
        eventually(async () => {
          const { raw } = await run(systemId).describe();
          expect(raw.pendingActivities).toHaveLength(1);
        }, LONGEST_MS),
      ),
    );

  /**
   * Until so many wait for a place at least, by the count of what hands them out. It is some seconds old and has those that left the queue a while ago, so
   * it is good for priorities of which none has left it yet.
   */
  const wait = (count: number, priorityKey: number) =>
    eventually(async () => {
      const { statsByPriorityKey } =
        await temporal.client.connection.temporal.workflowService.describeTaskQueue({
          namespace: temporal.namespace,
          taskQueue: { name: TASK_QUEUES.store },
          taskQueueType: proto.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
          reportStats: true,
        });
      const waiting = statsByPriorityKey[priorityKey]?.approximateBacklogCount;
      expect(Number(waiting ?? 0)).toBeGreaterThanOrEqual(count);
    }, LONGEST_MS);

  beforeEach(async () => {
    temporal = await createNamespace(inject('temporal').address);
    pending = new Map();
    begun = [];
    inHand = new Map();
    holds = () => true;
  });
  afterEach(async () => {
    holds = () => false;
    for (const open of inHand.values()) open();
    await workers?.stop();
    workers = undefined;
    await temporal.close();
  });

  it('goes on with a system that waits in a backlog before the others, once an upload of its is announced', async () => {
    await work(1);
    await start(['host'], 'backlog', 2);
    await eventually(() => expect(begun).toEqual(['host u1']));
    const others = [1, 2, 3, 4, 5].map((n) => `behind-${n}`);
    await start(others, 'backlog');
    await haveAsked(others);
    await temporal.client.nudgeIngest(['host'], { urgency: 'announced' });
    letGo('host u1');
    // One of the others has the place that was free while Temporal took the host's next one in. It is held until that one waits.
    await eventually(() => expect(begun).toHaveLength(2));
    if (begun[1] !== 'host u2') await wait(1, 3);
    holds = () => false;
    for (const upload of inHand.keys()) letGo(upload);
    await through(['host', ...others]);
    expect(begun.indexOf('host u2')).toBeLessThanOrEqual(2);

    const { events } = await run('host').fetchHistory();
    const keys = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: its }) =>
      its === null || its === undefined ? [] : [its.priority?.priorityKey ?? 0],
    );
    // The first has its workflow's.
    expect(keys).toEqual([0, 3]);
  });

  it('takes what was announced before what was found, and that before a backlog, whichever came first', async () => {
    await work(1);
    await start(['busy'], 'announced');
    await eventually(() => expect(begun).toHaveLength(1));
    const threeOf = (urgency: Urgency): string[] => [1, 2, 3].map((n) => `${urgency}-${n}`);
    const [backlog, found, announced] = [threeOf('backlog'), threeOf('found'), threeOf('announced')];
    await start(backlog, 'backlog');
    await start(found, 'found');
    await start(announced, 'announced');
    await haveAsked([...backlog, ...found, ...announced]);
    for (const priorityKey of [3, 4, 5]) await wait(3, priorityKey);

    holds = () => false;
    letGo('busy u1');
    await through([...backlog, ...found, ...announced]);
    expect(begun.slice(1).map((upload) => upload.replace(/-.*/, ''))).toEqual(
      ['announced', 'found', 'backlog'].flatMap((urgency) => [urgency, urgency, urgency]),
    );
  });

  it('gives a system one place, whatever it has waiting, and the others those that are left', async () => {
    await work(2);
    holds = (systemId) => systemId === 'noisy';
    await start(['noisy'], 'announced', 30);
    await eventually(() => expect(inHand.size).toBe(1));
    const others = Array.from({ length: 10 }, (_, n) => `other-${n}`);
    await start(others, 'backlog');
    await through(others);
    expect(begun).toEqual(['noisy u1', ...begun.filter((upload) => upload.startsWith('other'))]);
  });

  it.each([
    ['announced', 3],
    ['found', 4],
    ['backlog', 5],
  ] as const)('starts an ingest that is %s with the priority %i', async (urgency, priorityKey) => {
    await work(1);
    holds = () => false;
    const systemId = `urgency-${urgency}`;
    await start([systemId], urgency);
    await through([systemId]);
    expect((await run(systemId).describe()).priority).toMatchObject({ priorityKey, fairnessKey: systemId });
  });
});
