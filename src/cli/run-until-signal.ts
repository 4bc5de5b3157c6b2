import { constants } from 'node:os';
import { AkoshaError } from '../contract/index.js';
import { runAll } from '../runtime/index.js';

/**
 * Keeps a process running until SIGTERM, SIGINT or `stopNow`, then stops it in order. A second signal ends it without waiting for
 * that: whoever sends one does not want to wait, and nothing is lost by it. What would outlive the process, `onForce` ends before;
 * a third signal does not wait for that either.
 */
export class RunUntilSignal {
  #signals = 0;
  #stop: () => void = () => undefined;
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop = resolve;
  });

  constructor(private readonly onForce: () => Promise<void> = () => Promise.resolve()) {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        this.#signals++;
        if (this.#signals === 1) this.#stop();
        else void this.#force(128 + constants.signals[name]);
      });
    }
  }

  async #force(exitCode: number): Promise<void> {
    try {
      if (this.#signals === 2) await this.onForce();
    } finally {
      process.exit(exitCode);
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
  async thenStop(steps: readonly (() => Promise<void> | void)[]): Promise<void> {
    await this.#stopped;
    await runAll(steps);
  }
}
