import type { WorkflowHandle } from '@temporalio/client';
import { QUERIES, type Progress } from '../contract/index.js';
import type { TemporalConnection } from './connection.js';

/** A run of a workflow, started or joined. */
export interface RunHandle<Result> {
  readonly workflowId: string;
  /** Of the run that was started or joined; one that continues as new gets another. */
  readonly runId: string;
  /**
   * Waits for the end, over continue-as-new. Raises the error that made the workflow fail, `Cancelled` where it was
   * cancelled, and `OrchestratorUnavailable` where Temporal is lost while waiting; calling it again waits on.
   */
  result(): Promise<Result>;
  /** Where it is now; asks the worker, so it needs one that runs. */
  progress(): Promise<Progress>;
  /** Asks it to stop. What it has made durable stays. */
  cancel(): Promise<void>;
}

type ResultHandle<Result> = Omit<WorkflowHandle, 'result'> & { result(): Promise<Result> };

export function runHandle<Result>(
  connection: TemporalConnection,
  handle: ResultHandle<Result>,
  runId: string,
): RunHandle<Result> {
  return {
    workflowId: handle.workflowId,
    runId,
    result: () => connection.wait(() => handle.result()),
    progress: () => connection.query(() => handle.query<Progress>(QUERIES.progress)),
    cancel: () => connection.request(async () => void (await handle.cancel())),
  };
}
