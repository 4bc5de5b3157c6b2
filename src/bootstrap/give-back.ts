import { setTimeout as sleep } from 'node:timers/promises';
import type { AkoshaClient } from '../client/index.js';
import { messageOf } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { reconcileSchedules } from '../schedules/index.js';
import type { MemoryStore } from '../store/index.js';
import type { BootstrapLog } from './log.js';
import type { OutageFile } from './record.js';
import { Backoff } from './shift.js';

export interface GiveBack {
  client: AkoshaClient;
  store: MemoryStore;
  /** Schedules that an operator has paused. */
  paused: () => readonly string[];
  log: BootstrapLog;
}

/** All that wait: at some 40 bytes an id this bound is tens of megabytes, for the time of the requests. */
const SYSTEMS_WAITING = 1_000_000;
/** Seconds of requests, after which a raised signal is seen. */
const SYSTEMS_AT_ONCE = 1_000;

/**
 * What Temporal is told once it is back: the schedules are made what the table says (it may have come back without them; an operator's
 * pause and note stay), the systems with something pending get their workflows at once, and the outage's record becomes a workflow.
 * Tried again until it is done or the signal is raised; raises nothing.
 */
export async function giveBack(
  { client, store, paused, log }: GiveBack,
  file: OutageFile,
  signal: AbortSignal,
): Promise<void> {
  const backoff = new Backoff();
  while (!signal.aborted && !file.state.replayed) {
    try {
      await reconcileSchedules(client, paused());
      if (!(await startAll({ client, store }, signal))) return;
      // The workflow reads the record from disk.
      await file.save();
      const begun = await client.recordOutage(file.state.start);
      failPoint('outage.after-replay');
      // Otherwise the workflow says so itself, by an activity, and Temporal sees to it that it does.
      if (!begun) await file.change({ replayed: true });
      return;
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'Temporal has not taken the outage’s record; trying again');
      const now = performance.now();
      backoff.failed(now);
      await sleep(backoff.left(now), undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The longest waiting first. Returns false where the signal was raised before all were started. */
async function startAll(
  { client, store }: Pick<GiveBack, 'client' | 'store'>,
  signal: AbortSignal,
): Promise<boolean> {
  const waiting = await store.unfinishedSystems(SYSTEMS_WAITING);
  for (let from = 0; from < waiting.length && !signal.aborted; from += SYSTEMS_AT_ONCE) {
    const some = waiting.slice(from, from + SYSTEMS_AT_ONCE);
    await client.nudgeIngest(some, { onlyIfIdle: true, urgency: 'backlog' });
  }
  return !signal.aborted;
}
