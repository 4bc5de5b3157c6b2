import { messageOf } from '../contract/index.js';

/** Waits for all of them, also where one fails, and then raises the first failure: what they share can be closed after it. */
export async function allEnded(running: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(running);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/**
 * Runs all steps in order, each also where one before it failed, and raises at the end: the failure itself where there was
 * one, else an error that tells them all and whose cause is the first.
 */
export async function runAll(steps: readonly (() => Promise<void> | void)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new Error(failures.map(messageOf).join('; '), { cause: failures[0] });
}
