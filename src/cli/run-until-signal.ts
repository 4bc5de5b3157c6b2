import { messageOf } from '../contract/index.js';

/**
 * Keeps a process running until SIGTERM, SIGINT or `stopNow`, then stops it in order. A second signal ends it at once: whoever sends one
 * does not want to wait, and nothing is lost by it.
 */
export class RunUntilSignal {
  #stop: () => void = () => undefined;
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop = resolve;
  });

  constructor() {
    let signals = 0;
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (++signals > 1) process.exit(128 + (name === 'SIGINT' ? 2 : 15));
        this.#stop();
      });
    }
  }

  stopNow(): void {
    this.#stop();
  }

  /** Waits, then runs the steps in order, each also where one before it failed. */
  async thenStop(steps: readonly (() => Promise<void>)[]): Promise<void> {
    await this.#stopped;
    await stopAll(steps);
  }
}

/** Runs all steps, and raises the first failure at the end. */
export async function stopAll(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new Error(failures.map(messageOf).join('; '), { cause: failures[0] });
}
