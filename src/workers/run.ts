import { NativeConnection, type NativeConnectionOptions, type Worker } from '@temporalio/worker';
import { orchestratorUnavailable } from '../client/index.js';

/**
 * The connection that workers need. Close it after they have stopped.
 *
 * Raises `OrchestratorUnavailable` where Temporal does not answer.
 */
export async function connectWorkers(
  options: NativeConnectionOptions & { address: string },
): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(options);
  } catch (error) {
    throw orchestratorUnavailable(options, error);
  }
}

/**
 * Runs workers until the signal is raised, then lets them drain: they take nothing new, finish what they can within their grace,
 * and hand back the rest. One that fails takes the others down with it, in the same orderly way; its error is raised once all
 * have stopped.
 */
export async function runWorkers(workers: readonly Worker[], signal: AbortSignal): Promise<void> {
  const stopAll = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const runs = workers.map(async (worker) => {
    try {
      await worker.run();
    } finally {
      stopAll();
    }
  });
  signal.addEventListener('abort', stopAll, { once: true });
  // Raised before there was a listener.
  if (signal.aborted) stopAll();
  const outcomes = await Promise.allSettled(runs);
  signal.removeEventListener('abort', stopAll);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
