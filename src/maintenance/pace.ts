import { setTimeout as sleep } from 'node:timers/promises';

/** A limited batch is of at most so many seconds: a pause, or the end of the process, waits for no longer one. */
const BATCH_SECONDS = 5;

/** Keeps the rows that are moved to so many a second, by whoever moves them. 0: as many as there are. */
export class Pace {
  #freeAt = 0;

  constructor(private readonly rowsPerSecond: number) {}

  get isLimited(): boolean {
    return this.rowsPerSecond > 0;
  }

  batchRows(most: number): number {
    return this.rowsPerSecond === 0 ? most : Math.min(most, this.rowsPerSecond * BATCH_SECONDS);
  }

  /** Until the rows moved so far have taken their time. Raises the signal's reason. */
  async wait(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      const left = this.#freeAt - performance.now();
      if (left <= 0) return;
      await sleep(left, undefined, signal === undefined ? {} : { signal });
    }
  }

  /** Of a batch that was begun at this `performance.now()`. */
  moved(rows: number, begunAt: number): void {
    if (this.rowsPerSecond === 0) return;
    this.#freeAt = Math.max(this.#freeAt, begunAt) + (rows * 1000) / this.rowsPerSecond;
  }
}
