import { setTimeout as sleep } from 'node:timers/promises';

/** Tries again until it succeeds; raises the last error once the time is up. */
export async function eventually<T>(work: () => T | Promise<T>, withinMs = 10_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}
