import { AkoshaError, messageOf } from '../contract/index.js';

/** What may not take as long as the whole: a tier. */
export interface OwnLimit {
  ms: number;
  /** What it is of, and the setting to change. */
  name: string;
  setting: string;
}

export type Attempt<T> = ({ ok: true; value: T } | { ok: false; reason: string }) & { ms: number };

/** The time a search may take, counted from its making, and the caller's leave to go on. */
export class Budget {
  readonly #started = performance.now();

  constructor(
    private readonly totalMs: number,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.throwIfCancelled();
  }

  get spentMs(): number {
    return performance.now() - this.#started;
  }

  throwIfCancelled(): void {
    if (this.signal?.aborted === true) throw cancelled(this.signal);
  }

  /**
   * Runs `work` until it ends, or this share of the whole time or its own limit is spent. Failing and being late are outcomes; only the
   * caller's signal raises (`Cancelled`). Late work is told by its own signal; where it cannot stop, its result is dropped. `leftMs` is
   * how long it has.
   */
  async attempt<T>(
    share: number,
    work: (signal: AbortSignal, leftMs: number) => Promise<T>,
    own?: OwnLimit,
  ): Promise<Attempt<T>> {
    this.throwIfCancelled();
    const started = performance.now();
    const elapsed = (): number => performance.now() - started;
    try {
      return { ok: true, value: await this.#race(share, work, own), ms: elapsed() };
    } catch (error) {
      this.throwIfCancelled();
      return { ok: false, reason: messageOf(error), ms: elapsed() };
    }
  }

  #race<T>(
    share: number,
    work: (signal: AbortSignal, leftMs: number) => Promise<T>,
    own: OwnLimit | undefined,
  ): Promise<T> {
    const { signal } = this;
    const stop = new AbortController();
    const wholeMs = this.totalMs * share;
    const isOwn = own !== undefined && own.ms < wholeMs;
    const leftMs = Math.max(0, (isOwn ? own.ms : wholeMs) - this.spentMs);
    const reason = isOwn ? lateOf(own) : late(this.totalMs);
    return new Promise<T>((resolve, reject) => {
      const give = (error: Error): void => {
        settle();
        reject(error);
        stop.abort();
      };
      const onAbort = (): void => give(cancelled(signal));
      const timer = setTimeout(() => give(new Error(reason)), leftMs);
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const run = async (): Promise<T> => work(stop.signal, leftMs);
      void run().then(resolve, reject).finally(settle);
    });
  }
}

function late(totalMs: number): string {
  return `no answer in time: a search may take ${totalMs / 1000} s (AKOSHA_SEARCH_TIMEOUT_SECONDS)`;
}

function lateOf({ ms, name, setting }: OwnLimit): string {
  return `no answer in time: ${name} may take ${ms / 1000} s of a search (${setting})`;
}

function cancelled(signal: AbortSignal | undefined): AkoshaError {
  return new AkoshaError('Cancelled', 'the search was given up by its caller', { cause: signal?.reason });
}
