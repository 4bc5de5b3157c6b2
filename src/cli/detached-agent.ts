import { setTimeout as sleep } from 'node:timers/promises';
import { agentLockFile, isLocked } from '../runtime/lock-owner.js';
import { outboxStatus } from '../upload/index.js';

/** The next session's end is often minutes away; after that an idle process is in the user's way. */
const IDLE_MS = 5 * 60_000;

/** A look costs less than a millisecond, and whoever starts a lasting agent has this one out of the way within two. */
const LOOK_MS = 1_000;

/**
 * When an agent that a session's end started has nothing left to do: its outbox has been empty for five minutes, or an agent that
 * lasts has been started beside it, or the signal fires. What waits for its next try keeps it alive.
 */
export async function untilNotNeeded(dataDir: string, signal: AbortSignal, idleMs = IDLE_MS): Promise<void> {
  let idleSince = Date.now();
  while (!signal.aborted && !isLocked(agentLockFile(dataDir))) {
    const { pending, in_progress: inProgress } = outboxStatus(dataDir);
    if (pending.requests + pending.uploads + inProgress.length > 0) idleSince = Date.now();
    // A host that slept wakes with its clock far ahead: one look more costs nothing.
    else if (Date.now() - idleSince > idleMs) return;
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}
