import { Worker, type WorkerOptions } from '@temporalio/worker';
import { TASK_QUEUES, WORKER_DEPLOYMENT, type StoreActivities } from '../contract/index.js';
import { findBundle } from './bundle.js';
import { commonOptions, type WorkerSettings } from './options.js';

export interface ServerWorkerSettings extends WorkerSettings {
  activities: StoreActivities;
  /** Store activities at once, and thereby uploads of different systems ingested at once. */
  ingestConcurrency: number;
  /** The program's version, where Temporal is to run workflows on the version that was set current and on no other. */
  deployedVersion?: string | undefined;
  /** The built workflows; by default those beside the compiled program. */
  bundlePath?: string;
  /** Workflows kept in memory; by default 200. Any other is replayed from its history when it goes on. */
  maxCachedWorkflows?: number;
}

/** Each takes about a megabyte, and most of ours wait for an agent or for the store. */
const CACHED_WORKFLOWS = 200;

/**
 * The server's two workers: workflows on the queue `akosha`, and the store's activities on `akosha-store`, which only the process
 * that owns the store may poll. Run them with `runWorkers`.
 *
 * Raises `BundleMissing` where the workflows were not built.
 */
export async function createServerWorkers(settings: ServerWorkerSettings): Promise<Worker[]> {
  const { activities, ingestConcurrency, maxCachedWorkflows = CACHED_WORKFLOWS, traces } = settings;
  const workflowBundle = await findBundle({ path: settings.bundlePath, traced: traces !== undefined });
  return [
    await Worker.create({
      ...commonOptions(settings),
      taskQueue: TASK_QUEUES.server,
      ...deployment(settings.deployedVersion),
      workflowBundle,
      ...(traces === undefined ? {} : { sinks: traces.sinks }),
      maxCachedWorkflows,
      workflowTaskPollerBehavior: { type: 'autoscaling' },
    }),
    await Worker.create({
      ...commonOptions(settings),
      taskQueue: TASK_QUEUES.store,
      activities,
      maxConcurrentActivityTaskExecutions: ingestConcurrency,
      activityTaskPollerBehavior: { type: 'autoscaling' },
    }),
  ];
}

/**
 * No workflow is pinned to the version that it began on: the store belongs to one process, so once a new version has it no worker of the old
 * one is left, and what is pinned there would wait for ever. So each goes on with the version that is current when its next task is due, and the
 * recorded histories show that it can.
 */
function deployment(buildId: string | undefined): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (buildId === undefined) return {};
  return {
    workerDeploymentOptions: {
      useWorkerVersioning: true,
      version: { deploymentName: WORKER_DEPLOYMENT, buildId },
      defaultVersioningBehavior: 'AUTO_UPGRADE',
    },
  };
}
