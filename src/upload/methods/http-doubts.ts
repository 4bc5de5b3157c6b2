import type { Host } from '../host.js';
import { isWhole, lookAt, type AskedServer } from './http-outcome.js';
import type { HttpState } from './http-state.js';

/**
 * What a server stored is in its queue at once, or with the next poll of its inbox. One that still knows nothing of it after an hour has
 * lost it; should it come late after all, the same rows once more change nothing.
 */
const LOST_AFTER_MS = 3_600_000;

/**
 * Finds out what became of the rows that the server has acknowledged and that would be left out: of each upload that it stored them as, once
 * for good where it was ingested. Those of one that is in quarantine, given up, ingested in part or lost are to go again, and of one of which
 * the server does not tell as well. What waits in its queue it has, and is asked after again before the next delivery.
 *
 * Raises `ServerUnavailable` and `Cancelled`.
 */
export async function settleDoubts(
  server: AskedServer,
  { systemId }: Pick<Host, 'systemId'>,
  state: HttpState,
  signal: AbortSignal | undefined,
): Promise<void> {
  const look = (uploadId: string): ReturnType<typeof lookAt> =>
    lookAt(server, { systemId, uploadId }, signal);
  const last = state.lastIngested();
  const forgets = last !== undefined && (await look(last.uploadId)) === 'unknown';
  if (forgets) state.doubtAll();
  for (const { uploadId, storedAt } of state.doubtful()) {
    const seen = await look(uploadId);
    // It ingests a system's uploads one after the other.
    if (seen === 'pending') return;
    if (isWhole(seen)) state.isIngested(uploadId);
    else if (seen !== 'unknown' || forgets || Date.now() - storedAt > LOST_AFTER_MS) state.forget(uploadId);
  }
}
