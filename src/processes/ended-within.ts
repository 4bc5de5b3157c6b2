import { setTimeout as sleep } from 'node:timers/promises';
import { allEnded } from '../runtime/index.js';
import type { IngestLog } from '../ingest/index.js';

/**
 * Waits no longer for what takes no signal in the middle of its work, such as a backup of a large ledger: the store is closed under it, which
 * is to it what a crash would be, and the next start does it anew.
 */
export async function endedWithin(running: Promise<void>[], ms: number, log: IngestLog): Promise<void> {
  const over = new AbortController();
  const late = sleep(ms, 'late' as const, { signal: over.signal }).catch(() => undefined);
  const first = await Promise.race([allEnded(running), late]).finally(() => over.abort());
  if (first === 'late')
    log.warn({ ms }, 'background work did not end in time; the next start goes on with it');
}
