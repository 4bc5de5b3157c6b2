import { Worker } from '@temporalio/worker';
import { TASK_QUEUES, type StoreActivities } from '../contract/index.js';
import { findBundle } from './bundle.js';
import { commonOptions, type WorkerSettings } from './options.js';

export interface ServerWorkerSettings extends WorkerSettings {
  activities: StoreActivities;
  /** Store activities at once, and thereby uploads of different systems ingested at once. */
  ingestConcurrency: number;
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
  const { activities, ingestConcurrency, maxCachedWorkflows = CACHED_WORKFLOWS } = settings;
  const workflowBundle = await findBundle(settings.bundlePath);
  return [
    await Worker.create({
      ...commonOptions(settings),
      taskQueue: TASK_QUEUES.server,
      workflowBundle,
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
