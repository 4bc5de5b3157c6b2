const FIRST_WAIT_MS = 30_000;

/** A store that is back is found within ten minutes, and one that is away for a day is asked 150 times. */
export const LONGEST_WAIT_MS = 600_000;

/** Up to half as much again: hosts that lost one store together do not come back to it in step. */
const JITTER = 0.5;

/**
 * How long an upload waits after so many failed attempts, in milliseconds: 30 s, twice as long after each, 10 minutes at most. `permanent`:
 * only a person can help, so it waits the longest from the start, and goes on by itself once they did.
 */
export function backoffMs(attempts: number, { permanent = false } = {}): number {
  if (permanent) return LONGEST_WAIT_MS;
  const grown = FIRST_WAIT_MS * 2 ** Math.min(attempts - 1, 10);
  return Math.min(LONGEST_WAIT_MS, Math.round(grown * (1 + JITTER * Math.random())));
}
