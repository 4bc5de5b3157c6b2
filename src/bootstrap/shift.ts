import { setTimeout as sleep } from 'node:timers/promises';

/** The times at which the runner may take up work. Several loops look at one. */
export class Shift {
  readonly #over = new AbortController();
  readonly #handBack = new AbortController();
  #paused = false;
  #bell = new AbortController();

  /** Whether something new may be begun now. */
  get taking(): boolean {
    return !this.#paused && !this.#over.signal.aborted;
  }

  /** Whether nothing new will ever be begun. */
  get over(): boolean {
    return this.#over.signal.aborted;
  }

  /** Raised when what is under way is to be handed back: it stays in the queue, for whoever takes it next. */
  get signal(): AbortSignal {
    return this.#handBack.signal;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.wake();
  }

  /** Ends a wait: there may be something to do. */
  wake(): void {
    const bell = this.#bell;
    this.#bell = new AbortController();
    bell.abort();
  }

  end(): void {
    this.#over.abort();
    this.wake();
  }

  handBack(): void {
    this.end();
    this.#handBack.abort();
  }

  /** Waits so long, or until something may have changed. */
  async rest(ms: number): Promise<void> {
    if (this.over) return;
    await sleep(ms, undefined, { signal: this.#bell.signal }).catch(() => undefined);
  }
}

const FIRST_PAUSE_MS = 1_000;
/** The same as Temporal makes between two attempts of an activity at most. */
const LONGEST_PAUSE_MS = 60_000;

/** Pauses after failures in a row, each twice as long as the one before. */
export class Backoff {
  #failures = 0;
  #until = 0;

  /** How long to wait still; `now` of a clock that nobody sets. */
  left(now: number): number {
    return Math.max(0, this.#until - now);
  }

  failed(now: number): void {
    this.#until = now + Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures += 1;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#until = 0;
  }
}
