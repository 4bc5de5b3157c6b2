import type { AkoshaClient } from '../client/index.js';
import type { Settings } from '../config/index.js';
import type { Logger, Metrics } from '../telemetry/index.js';
import { EventIntake } from './event-intake.js';
import { EventQueueLoop } from './event-queue.js';
import { Nudger } from './nudger.js';
import type { ServerParts } from './server-parts.js';

/** How a server learns of uploads before it polls. */
export interface ObjectEvents {
  intake: EventIntake;
  /** Reads the queue that the settings name until the signal fires; returns at once where they name none. */
  run(signal: AbortSignal): Promise<void>;
  /** As JSON. */
  status(): Record<string, unknown>;
}

export interface ObjectEventsInputs {
  settings: Settings;
  parts: ServerParts;
  client: Pick<AkoshaClient, 'nudgeIngest'>;
  metrics: Metrics;
  log: Logger;
}

export async function openObjectEvents(inputs: ObjectEventsInputs): Promise<ObjectEvents> {
  const { settings, parts, client, metrics } = inputs;
  const log = inputs.log.child({ part: 'events' });
  const nudger = new Nudger((systemIds) => client.nudgeIngest(systemIds), log);
  const intake = new EventIntake({
    ingest: parts.ingest,
    objectStore: settings.objectStore,
    nudge: (systemIds) => nudger.tell(systemIds),
    metrics,
  });
  const loop = await openLoop(inputs, intake, log);
  return {
    intake,
    run: (signal) => loop?.run(signal) ?? Promise.resolve(),
    status: () => ({
      poll_interval_seconds: settings.pollIntervalSeconds,
      queue: loop === undefined ? null : queueReply(settings, loop),
    }),
  };
}

async function openLoop(
  { settings, parts, metrics }: ObjectEventsInputs,
  intake: EventIntake,
  log: Logger,
): Promise<EventQueueLoop | undefined> {
  if (settings.ingestionQueue === undefined) return undefined;
  // Loaded on demand: most servers have no queue, and the AWS SDK costs a tenth of a second at each start.
  const { openSqsQueue } = await import('./sqs-queue.js');
  const breaker = parts.breakers.of({ name: 'ingestion-queue', unavailable: 'QueueUnavailable' });
  return new EventQueueLoop({
    queue: openSqsQueue(settings.ingestionQueue, breaker),
    breaker,
    intake,
    metrics,
    log,
  });
}

function queueReply(settings: Settings, loop: EventQueueLoop): Record<string, unknown> {
  const { state, depths, depthsFailure } = loop.status();
  return {
    url: settings.ingestionQueue,
    state,
    messages: depths?.messages ?? null,
    dead_letters: depths?.deadLetters ?? null,
    count_failure: depthsFailure,
  };
}
