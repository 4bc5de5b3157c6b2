import { setTimeout as sleep } from 'node:timers/promises';
import type { ScheduleId, ScheduleState } from '../schedules/index.js';
import type { Logger, Metrics } from '../telemetry/index.js';

export interface ScheduleWatchOptions {
  /** What Temporal knows of the schedules. */
  list: () => Promise<ScheduleState[]>;
  /** Told which of them an operator has paused, for the time in which Temporal cannot be asked. */
  onPaused: (paused: readonly ScheduleId[], seen: readonly ScheduleId[]) => Promise<void>;
  metrics: Metrics;
  log: Logger;
}

/** The shortest schedule is hourly, and Prometheus asks every 15 to 60 s: fresher figures would tell nobody more. */
const INTERVAL_MS = 60_000;

/**
 * Keeps the metrics of the schedules as Temporal has them until the signal fires. Where Temporal is away they stay as they were: that it is
 * away is told elsewhere. A pause is known here within a minute, and kept through an outage.
 */
export async function runScheduleWatch(options: ScheduleWatchOptions, signal: AbortSignal): Promise<void> {
  // A request to a Temporal that is away takes seconds, which a shutdown does not have.
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  while (!signal.aborted) {
    await Promise.race([refresh(options), stopped]);
    await sleep(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function refresh({ list, onPaused, metrics, log }: ScheduleWatchOptions): Promise<void> {
  try {
    const states = await list();
    setSchedules(metrics, states);
    const idsOf = (some: readonly ScheduleState[]): ScheduleId[] => some.map(({ scheduleId }) => scheduleId);
    await onPaused(idsOf(states.filter(({ paused }) => paused)), idsOf(states));
  } catch (error) {
    log.debug({ err: error }, 'could not read the schedules');
  }
}

/** Temporal counts since a schedule was created; a counter here takes its figures over. */
export function setSchedules(metrics: Metrics, states: readonly ScheduleState[]): void {
  metrics.scheduleMissed.reset();
  metrics.scheduleSkipped.reset();
  metrics.scheduleLastRun.reset();
  for (const { scheduleId: schedule, missed, skipped, lastRun } of states) {
    metrics.scheduleMissed.inc({ schedule }, missed);
    metrics.scheduleSkipped.inc({ schedule }, skipped);
    metrics.scheduleLastRun.set({ schedule }, (lastRun?.at ?? 0) / 1000);
  }
}
