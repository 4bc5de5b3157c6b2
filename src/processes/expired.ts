import { setTimeout as sleep } from 'node:timers/promises';
import { adoptDecided, type MaintenanceContext } from '../maintenance/index.js';
import type { Logger } from '../telemetry/index.js';

/** An archive that is away is asked again so often: nothing waits for it but a scrub, which comes once a week. */
const AGAIN_MS = 10_000;

/** Learns once of what had expired before this program had the store, until the signal fires. */
export async function learnWhatExpired(
  maintenance: Pick<MaintenanceContext, 'store' | 'archive'>,
  log: Pick<Logger, 'warn'>,
  signal: AbortSignal,
): Promise<void> {
  const isStopping = (): boolean => signal.aborted;
  while (!isStopping()) {
    try {
      await adoptDecided(maintenance);
      return;
    } catch (error) {
      if (!isStopping()) log.warn({ err: error }, 'could not look for what has expired');
    }
    await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}
