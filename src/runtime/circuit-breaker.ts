import { AkoshaError, isAkoshaError, messageOf, type ErrorType } from '../contract/index.js';
import { toldOnce, type BreakerCall, type CallOptions } from './breaker-call.js';

/** A single lost packet is no outage, and five calls in a row that fail are hardly ever anything else. */
const FAILURES_TO_OPEN = 5;

/** Long enough for a server to restart in peace, short enough that an outage which is over is not made longer by us. */
const OPEN_MS = 60_000;

/** A remote that has not answered a call by then is away, whatever it does later. */
export const CALL_MS = 30_000;

export interface CircuitBreakerOptions {
  /** Of the remote, in lower case: `object-store`. The label of its metrics. */
  name: string;
  /** Failures in a row that open it. Default 5. */
  failuresToOpen?: number;
  /** How long an open one refuses calls. Default 60,000 ms. */
  openMs?: number;
  /** How long `run` waits for a call. Default 30,000 ms. */
  callMs?: number;
  /** The type of the errors that it raises itself. Default `ObjectStoreUnavailable`. */
  unavailable?: ErrorType;
  /**
   * Whether an error that a call under `run` raised means that the remote is away. By default all do but an `AkoshaError` of a
   * permanent type, such as a refusal, which is an answer, and a full disk, which as a rule is this machine's.
   */
  isFailure?: (error: unknown) => boolean;
  /** Told of each change of state. */
  onChange?: (status: CircuitBreakerStatus) => void;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** What a breaker tells of itself. Times are milliseconds since 1970. */
export interface CircuitBreakerStatus {
  name: string;
  /** `half_open`: the next call, or one that is under way, tells whether the remote is back. */
  state: 'closed' | 'open' | 'half_open';
  /** Failed calls since the last one that succeeded. */
  failures: number;
  lastFailureAt: number | null;
  lastFailure: string | null;
  /** Since when calls are refused; null where they are not. */
  openedAt: number | null;
  /** When an open one lets a call through to try; null in other states. */
  retryAt: number | null;
  /** Since the process began: how calls ended, and those refused without being made. */
  calls: { succeeded: number; failed: number; refused: number };
  /** How often it has opened since the process began. */
  openings: number;
}

/**
 * Keeps calls from a remote that is away: after five failures in a row it is open, and calls fail at once instead of each
 * waiting for a timeout. After 60 s one call is let through to try; its success closes the breaker, its failure opens it for
 * another 60 s, and meanwhile the others still fail at once.
 */
export class CircuitBreaker {
  readonly name: string;
  readonly #options: Required<Omit<CircuitBreakerOptions, 'name'>>;
  readonly #calls = { succeeded: 0, failed: 0, refused: 0 };
  #openings = 0;
  #failures = 0;
  #lastFailure: { at: number; reason: string } | undefined;
  #openedAt: number | undefined;
  /** Health checks that failed since the last one that was answered: as long as there are none, calls fail of something else. */
  #failedChecks = 0;
  /** Whether a health check closed it, and no call has succeeded since. */
  #closedByCheck = false;
  /** When the call began that tries an open breaker's remote. */
  #triedAt: number | undefined;
  /** Grows with every opening and closing: a call that began before one says nothing of what holds after it. */
  #epoch = 0;

  constructor({ name, ...options }: CircuitBreakerOptions) {
    this.name = name;
    this.#options = {
      failuresToOpen: FAILURES_TO_OPEN,
      openMs: OPEN_MS,
      callMs: CALL_MS,
      unavailable: 'ObjectStoreUnavailable',
      isFailure: (error) => !(isAkoshaError(error) && (error.permanent || error.type === 'DiskFull')),
      onChange: () => undefined,
      now: Date.now,
      ...options,
    };
  }

  /**
   * Makes one call, and gives up on it after 30 s by aborting the signal that it is handed, which also aborts with the
   * caller's. Raises what the call raises, and the breaker's own error where it is open or the time is over.
   */
  async run<Result>(
    work: (signal: AbortSignal) => Promise<Result>,
    options: CallOptions = {},
  ): Promise<Result> {
    const call = options.evenIfOpen === true ? this.#beginAnyway(options) : this.begin();
    const deadline = new AbortController();
    const late = new AkoshaError(
      this.#options.unavailable,
      `${this.name} did not answer within ${this.#options.callMs / 1000} s`,
      { details: { circuitBreaker: this.name } },
    );
    const giveUp = (): void => deadline.abort(options.signal?.reason);
    if (options.signal?.aborted === true) giveUp();
    options.signal?.addEventListener('abort', giveUp, { once: true });
    let timer: NodeJS.Timeout | undefined;
    const timedOut = new Promise<never>((_, reject) => {
      if (options.untimed === true) return;
      timer = setTimeout(() => {
        reject(late);
        deadline.abort(late);
      }, this.#options.callMs);
    });
    try {
      const result = await Promise.race([work(deadline.signal), timedOut]);
      call.succeeded();
      return result;
    } catch (error) {
      if (options.signal?.aborted === true || isAkoshaError(error, 'Cancelled')) call.dropped();
      else if (error !== late && !this.#options.isFailure(error)) call.succeeded();
      else if (options.waitsForOthers === true) call.dropped();
      else call.failed(messageOf(error));
      throw error;
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Lets a call through whose success only its maker can tell, as that of a streamed answer; `run` is for all others. Raises
   * the breaker's error where it is open.
   */
  begin(): BreakerCall {
    const openedAt = this.#openedAt;
    if (openedAt !== undefined) this.#beginTrial(openedAt);
    const epoch = this.#epoch;
    const endTrial = (): void => {
      if (epoch === this.#epoch) this.#triedAt = undefined;
    };
    return {
      isTrial: openedAt !== undefined,
      ...toldOnce({
        succeeded: () => {
          endTrial();
          this.#succeeded(epoch);
        },
        failed: (reason) => {
          endTrial();
          this.#failed(epoch, reason);
        },
        dropped: endTrial,
      }),
    };
  }

  /** See `evenIfOpen`. That it was answered holds now, whenever it was made. */
  #beginAnyway({ isHealthCheck = false }: CallOptions): BreakerCall {
    const epoch = this.#openedAt === undefined ? this.#epoch : undefined;
    return {
      isTrial: false,
      ...toldOnce({
        succeeded: () => (isHealthCheck ? this.#checkSucceeded() : this.#succeeded(this.#epoch)),
        failed: (reason) => {
          if (isHealthCheck) this.#failedChecks++;
          this.#failed(epoch, reason);
        },
        dropped: () => undefined,
      }),
    };
  }

  status(): CircuitBreakerStatus {
    const retryAt = this.#openedAt === undefined ? null : this.#openedAt + this.#options.openMs;
    const isOpen = retryAt !== null && this.#options.now() < retryAt;
    return {
      name: this.name,
      state: retryAt === null ? 'closed' : isOpen ? 'open' : 'half_open',
      failures: this.#failures,
      lastFailureAt: this.#lastFailure?.at ?? null,
      lastFailure: this.#lastFailure?.reason ?? null,
      openedAt: this.#openedAt ?? null,
      retryAt: isOpen ? retryAt : null,
      calls: { ...this.#calls },
      openings: this.#openings,
    };
  }

  /**
   * One call at a time may try an open breaker's remote. One that nobody told the end of is forgotten after as long as the
   * breaker stays open, so that a lost one cannot bar the way for good.
   */
  #beginTrial(openedAt: number): void {
    const now = this.#options.now();
    const retryAt = (this.#triedAt ?? openedAt) + this.#options.openMs;
    if (now < retryAt) throw this.#refusal(retryAt);
    this.#triedAt = now;
  }

  #succeeded(epoch: number): void {
    this.#calls.succeeded++;
    if (epoch !== this.#epoch) return;
    this.#closedByCheck = false;
    this.#close();
  }

  #checkSucceeded(): void {
    this.#calls.succeeded++;
    const sawOutage = this.#failedChecks > 0;
    this.#failedChecks = 0;
    const isOpen = this.#openedAt !== undefined;
    // An outage may be over before a check sees it, so the first answer is believed.
    if (!sawOutage && (!isOpen || this.#closedByCheck)) return;
    if (isOpen) this.#closedByCheck = true;
    this.#close();
  }

  #close(): void {
    this.#failures = 0;
    if (this.#openedAt === undefined) return;
    this.#openedAt = undefined;
    this.#changed();
  }

  #failed(epoch: number | undefined, reason: string): void {
    this.#calls.failed++;
    this.#lastFailure = { at: this.#options.now(), reason };
    if (epoch !== this.#epoch) return;
    this.#failures++;
    if (this.#openedAt === undefined && this.#failures < this.#options.failuresToOpen) return;
    this.#openedAt = this.#lastFailure.at;
    this.#openings++;
    this.#changed();
  }

  #changed(): void {
    this.#epoch++;
    this.#triedAt = undefined;
    this.#options.onChange(this.status());
  }

  #refusal(retryAt: number): AkoshaError {
    this.#calls.refused++;
    const next = new Date(retryAt).toISOString();
    const last = this.#lastFailure === undefined ? '' : ` (the last: ${this.#lastFailure.reason})`;
    return new AkoshaError(
      this.#options.unavailable,
      `${this.name} is not called: its circuit breaker opened after ${this.#failures} failed calls in a row${last} ` +
        `and tries again at ${next}`,
      { details: { circuitBreaker: this.name, failures: this.#failures, retryAt: next } },
    );
  }
}
