import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { ActivityInterceptorsFactory, WorkerOptions } from '@temporalio/worker';
import type { Logger } from './log.js';

export interface TraceOptions {
  /** Where spans are posted, OTLP over HTTP as JSON; absent, there are none. */
  endpoint: string | undefined;
  /** Of the traces that begin here, the share that is recorded: 0 to 1. Of one that goes on here, its beginning has decided. */
  sampleRatio: number;
  /** `service.name` and `service.version`. */
  service: string;
  version: string;
  log: Pick<Logger, 'warn'>;
}

export interface Traces {
  /** What carries a trace through Temporal, for its clients and workers. */
  temporal(): Promise<TemporalTraces>;
  /** Sends what is there, within two and a half seconds; nothing is recorded any more. Raises nothing. */
  stop(): Promise<void>;
}

export interface TemporalTraces {
  client: WorkflowClientInterceptor;
  activity: ActivityInterceptorsFactory;
  /** Takes the spans of workflows out of their sandbox. */
  sinks: NonNullable<WorkerOptions['sinks']>;
}

/**
 * From here on the process's spans are recorded and sent, once in a process. Undefined without an endpoint: then nothing of OpenTelemetry
 * is even loaded.
 */
export async function startTraces(options: TraceOptions): Promise<Traces | undefined> {
  const { endpoint } = options;
  if (endpoint === undefined) return undefined;
  const { recordTraces } = await import('./traces/record.js');
  return recordTraces({ ...options, endpoint });
}
