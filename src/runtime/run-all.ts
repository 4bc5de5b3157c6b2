import { messageOf } from '../contract/index.js';

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
