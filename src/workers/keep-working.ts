import { setTimeout as sleep } from 'node:timers/promises';
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Logger } from '../telemetry/index.js';
import { connectWorkers, runWorkers } from './run.js';

export interface KeepWorkingOptions {
  connectionOptions: Parameters<typeof connectWorkers>[0];
  /** Once connected, before the workers start: search attributes, schedules. */
  prepare: () => Promise<void>;
  create: (connection: NativeConnection) => Promise<Worker[]>;
  /** Told when the workers start and when they have stopped. */
  onWorking: (working: boolean) => void;
  log: Logger;
}

/** Temporal that is away for a second is back with the next try; one that is away for an hour costs 700 tries. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Keeps workers at work until the signal fires: connects, prepares, runs, and begins again after any failure. A start while
 * Temporal is away waits here, and everything that does not need Temporal goes on meanwhile.
 */
export async function keepWorking(options: KeepWorkingOptions, signal: AbortSignal): Promise<void> {
  const { log, onWorking } = options;
  let pause = FIRST_PAUSE_MS;
  for (;;) {
    const run: { started: boolean } = { started: false };
    try {
      await workOnce(options, signal, () => {
        run.started = true;
        pause = FIRST_PAUSE_MS;
      });
    } catch (error) {
      // Workers that do not drain are a failed shutdown; Temporal that is away while we stop is not.
      if (signal.aborted && run.started) throw error;
      log.warn({ err: error, retryInMs: pause }, 'workers stopped; connecting to Temporal again');
    } finally {
      onWorking(false);
    }
    await sleep(pause, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

async function workOnce(
  { connectionOptions, prepare, create, onWorking }: KeepWorkingOptions,
  signal: AbortSignal,
  onStart: () => void,
): Promise<void> {
  const connection = await connectWorkers(connectionOptions);
  try {
    await prepare();
    const workers = await create(connection);
    onWorking(true);
    onStart();
    await runWorkers(workers, signal);
  } finally {
    await connection.close();
  }
}
