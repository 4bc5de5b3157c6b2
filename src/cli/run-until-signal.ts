import { AkoshaError } from '../contract/index.js';
import { runAll } from '../runtime/index.js';

/**
 * Keeps a process running until SIGTERM, SIGINT or `stopNow`, then stops it in order. A second signal ends it at once: whoever sends one
 * does not want to wait, and nothing is lost by it.
 */
export class RunUntilSignal {
  #signals = 0;
  #stop: () => void = () => undefined;
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop = resolve;
  });

  constructor() {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (++this.#signals > 1) process.exit(128 + (name === 'SIGINT' ? 2 : 15));
        this.#stop();
      });
    }
  }

  stopNow(): void {
    this.#stop();
  }

  /** Fails with `Cancelled` where a signal came before the start was complete, so that the start is undone. */
  throwIfStopped(): void {
    if (this.#signals > 0) throw new AkoshaError('Cancelled', 'stopped before it was up');
  }

  /** Waits, then runs the steps in order, each also where one before it failed. */
  async thenStop(steps: readonly (() => Promise<void>)[]): Promise<void> {
    await this.#stopped;
    await runAll(steps);
  }
}
