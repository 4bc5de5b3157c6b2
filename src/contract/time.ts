/** Whole seconds between two instants in milliseconds; 0 where the clock was set back in between. */
export function secondsSince(then: number, now: number): number {
  return Math.max(0, Math.floor((now - then) / 1000));
}
