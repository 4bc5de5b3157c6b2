import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { NO_ROWS, SCHEDULE_IDS, WORKER_DEPLOYMENT, WORKFLOW_IDS } from '../../src/contract/index.js';
import { reconcileSchedules, triggerSchedule } from '../../src/schedules/index.js';
import { requireServer } from '../../src/servers/index.js';
import { createNamespace, eventually, gate, type TestNamespace } from '../support/temporal.js';

/** A version is known to Temporal some seconds after its first poll. */
const KNOWN_WITHIN_MS = 20_000;

describe('versioned workers', () => {
  let temporal: TestNamespace;

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
  });
  afterAll(() => temporal.close());

  /** As the guide tells an operator to. */
  const setCurrent = async (...version: string[]): Promise<void> => {
    const { path } = await requireServer('temporal');
    const command = ['worker', 'deployment', 'set-current-version', '--yes'];
    const place = ['--address', temporal.address, '--namespace', temporal.namespace];
    const run = () =>
      promisify(execFile)(path, [...command, ...place, '--deployment-name', WORKER_DEPLOYMENT, ...version]);
    await eventually(run, KNOWN_WITHIN_MS);
  };

  /** The versions that did a workflow's tasks, in their order. */
  const versionsOf = async (workflowId: string): Promise<(string | undefined)[]> => {
    const { events } = await temporal.client.connection.temporal.workflow
      .getHandle(workflowId)
      .fetchHistory();
    const done = (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: task }) => task ?? []);
    return done.map(({ deploymentVersion }) => deploymentVersion?.buildId ?? undefined);
  };

  it('a running workflow goes on with the next version once that is current, and so do what clients and schedules start', async () => {
    const begun = gate();
    const finish = gate();
    const waiting = [{ systemId: 'host', uploadId: 'u1' }];
    const store = {
      nextUpload: () => Promise.resolve(waiting.shift() ?? null),
      ingestUpload: async () => {
        begun.open();
        await finish.opened;
        return { status: 'ingested' as const, rows: { ...NO_ROWS, new: 1 }, reason: null };
      },
    };
    const workers = (deployedVersion?: string) =>
      temporal.runWorkers({ store, settings: { deployedVersion, shutdownGraceMs: 5_000 } });

    const first = await workers('1.0.0');
    await setCurrent('--build-id', '1.0.0');
    await temporal.client.nudgeIngest(['host']);
    await begun.opened;

    // The step ends in the first one's grace, by when that takes no more of the workflow's tasks. Two at once there are never: the store is one's.
    const stopped = first.stop();
    finish.open();
    await stopped;
    const second = await workers('2.0.0');
    await setCurrent('--build-id', '2.0.0');
    const { workflow } = temporal.client.connection.temporal;
    const ingest = workflow.getHandle(WORKFLOW_IDS.ingestSystem('host'));
    expect(await ingest.result()).toMatchObject({ ingested: 1 });
    const versions = await versionsOf(ingest.workflowId);
    expect(versions[0]).toBe('1.0.0');
    expect(versions.at(-1)).toBe('2.0.0');

    await reconcileSchedules(temporal.client);
    await triggerSchedule(temporal.client, SCHEDULE_IDS.dailyIngest);
    expect(await (await temporal.client.runDailyIngest()).result()).toEqual({ seen: 0, added: 0 });
    await eventually(async () => {
      const scheduled = workflow.list({
        query: `TemporalScheduledById = '${SCHEDULE_IDS.dailyIngest}' AND ExecutionStatus = 'Completed'`,
      });
      const ids: string[] = [];
      for await (const { workflowId } of scheduled) ids.push(workflowId);
      expect(ids).not.toEqual([]);
      for (const id of ids) expect(new Set(await versionsOf(id))).toEqual(new Set(['2.0.0']));
    }, KNOWN_WITHIN_MS);
    await second.stop();

    const plain = await workers();
    await setCurrent('--unversioned');
    expect(await (await temporal.client.runDailyIngest()).result()).toEqual({ seen: 0, added: 0 });
    await plain.stop();
  }, 90_000);
});
