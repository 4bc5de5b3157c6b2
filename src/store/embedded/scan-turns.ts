import { AkoshaError } from '../../contract/index.js';
import type { ScanTurn } from '../store.js';

/**
 * Turns at the thread that scans vectors, in order of coming. What that thread was sent cannot be called back, so it gets one scan at a
 * time: those that nobody waits for any more are never begun, and hold up nobody behind them.
 */
export class ScanTurns {
  readonly #waiting = new Set<() => void>();
  #taken = false;

  /** Raises `StoreBusy` where the turn does not come in time, and `Cancelled` where the signal is raised before it comes. */
  async take<T>(scan: () => Promise<T>, turn: ScanTurn = {}): Promise<T> {
    if (turn.signal?.aborted === true) throw givenUp();
    if (this.#taken) await this.#wait(turn);
    this.#taken = true;
    try {
      return await scan();
    } finally {
      this.#taken = false;
      const [next] = this.#waiting;
      next?.();
    }
  }

  #wait({ waitMs, signal }: ScanTurn): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        // Before the promise's own tick, in which another could come in between.
        this.#taken = true;
        leave();
        resolve();
      };
      const giveUp = (error: Error): void => {
        leave();
        reject(error);
      };
      const onAbort = (): void => giveUp(givenUp());
      const timer =
        waitMs === undefined ? undefined : setTimeout(() => giveUp(busy(waitMs, this.#waiting.size)), waitMs);
      const leave = (): void => {
        this.#waiting.delete(begin);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(begin);
    });
  }
}

function givenUp(): AkoshaError {
  return new AkoshaError('Cancelled', 'the scan was given up by its caller');
}

function busy(waitMs: number, waiting: number): AkoshaError {
  const seconds = (waitMs / 1000).toFixed(1);
  return new AkoshaError(
    'StoreBusy',
    `no turn within ${seconds} s to scan vectors (waiting: ${waiting}): search less at once, or set AKOSHA_SEARCH_TIMEOUT_SECONDS higher`,
  );
}
