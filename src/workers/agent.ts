import { Worker } from '@temporalio/worker';
import { TASK_QUEUES, type AgentActivities } from '../contract/index.js';
import { commonOptions, type WorkerSettings } from './options.js';

export interface AgentWorkerSettings extends WorkerSettings {
  systemId: string;
  activities: AgentActivities;
}

/** One upload workflow runs for a host at a time, and takes one step after the other; a zombie attempt may stand beside it. */
const ACTIVITIES_AT_ONCE = 2;

/** The worker of one host's agent: activities only, on a queue that no other host polls. Run it with `runWorkers`. */
export function createAgentWorker(settings: AgentWorkerSettings): Promise<Worker> {
  const { systemId, activities } = settings;
  return Worker.create({
    ...commonOptions(settings),
    taskQueue: TASK_QUEUES.agent(systemId),
    activities,
    maxConcurrentActivityTaskExecutions: ACTIVITIES_AT_ONCE,
    // A fleet of agents, each idle most of the time, is not to hold more polls open than it needs.
    activityTaskPollerBehavior: { type: 'autoscaling', initial: 1, maximum: ACTIVITIES_AT_ONCE },
  });
}
