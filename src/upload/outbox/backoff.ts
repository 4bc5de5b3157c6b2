const FIRST_WAIT_MS = 30_000;

/** A store that is back is found within ten minutes, and one that is away for a day is asked 150 times. */
export const LONGEST_WAIT_MS = 600_000;

/** A receiver that is being restarted is back in a few seconds, and a notice costs next to nothing. */
const FIRST_NOTICE_WAIT_MS = 1_000;

/** Up to half as much again: hosts that lost one store together do not come back to it in step. */
const JITTER = 0.5;

/**
 * How long an upload waits after so many failed attempts, in milliseconds: 30 s, twice as long after each, 10 minutes at most. `permanent`:
 * only a person can help, so it waits the longest from the start, and goes on by itself once they did.
 */
export function backoffMs(attempts: number, { permanent = false } = {}): number {
  return permanent ? LONGEST_WAIT_MS : grown(FIRST_WAIT_MS, attempts);
}

/** The same for the notice of an upload's end, from 1 s on. */
export function noticeBackoffMs(attempts: number, { permanent = false } = {}): number {
  return permanent ? LONGEST_WAIT_MS : grown(FIRST_NOTICE_WAIT_MS, attempts);
}

function grown(firstMs: number, attempts: number): number {
  const waitMs = firstMs * 2 ** Math.min(attempts - 1, 10);
  return Math.min(LONGEST_WAIT_MS, Math.round(waitMs * (1 + JITTER * Math.random())));
}
