import proto from '@temporalio/proto';
import { TASK_QUEUES } from '../contract/index.js';
import type { TemporalConnection } from './connection.js';

/**
 * A poll lasts a minute at most, then the next one begins, so a living agent was seen within it; half as much again for a
 * slow line. Temporal itself forgets a poller after five minutes.
 */
const RECENT_MS = 90_000;

/** Whether a worker has lately asked for this system's agent activities. */
export async function isAgentPolling(
  { temporal: client, namespace, request }: TemporalConnection,
  systemId: string,
): Promise<boolean> {
  const { pollers } = await request(() =>
    client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: TASK_QUEUES.agent(systemId) },
      taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    }),
  );
  return pollers.some(
    ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > Date.now() - RECENT_MS,
  );
}
