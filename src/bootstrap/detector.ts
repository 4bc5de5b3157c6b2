/**
 * - `connected`: Temporal answers. `silent`: it does not, or was never asked, for less time than an outage takes.
 * - `bootstrap`: an outage. `returning`: it answers again within an outage, not yet for long enough.
 */
export type OrchestratorState = 'connected' | 'silent' | 'bootstrap' | 'returning';

export interface DetectorOptions {
  /** So long without an answer is an outage. Milliseconds, as all times here, of a clock that nobody sets. */
  awayMs: number;
  /** So long it has to answer every time for the outage to be over, so that one that comes and goes is one outage. */
  steadyMs: number;
  /** Whether an outage that an earlier process saw begin is still open. */
  outageOpen: boolean;
}

/**
 * Whether Temporal is away, from whether it answered each time it was asked. Between `silent` and `connected` nothing happens, so a
 * restart of Temporal's own is no outage; an outage begins and ends once, however often it flickers in between.
 */
export class OutageDetector {
  readonly #options: DetectorOptions;
  #state: OrchestratorState;
  /** When the state's own time began to run: the last answer in `silent`, the first one in `returning`. */
  #since: number;

  constructor(options: DetectorOptions, now: number) {
    this.#options = options;
    this.#state = options.outageOpen ? 'bootstrap' : 'silent';
    this.#since = now;
  }

  get state(): OrchestratorState {
    return this.#state;
  }

  /** When it answered last, or was asked first, by the same clock; what it tells during an outage is of no meaning. */
  get silentSince(): number {
    return this.#since;
  }

  /** How long until an outage would begin without an answer. */
  patience(now: number): number {
    return Math.max(0, this.#since + this.#options.awayMs - now);
  }

  /** Takes in that Temporal was asked, and returns the state that follows. */
  observe(answered: boolean, now: number): OrchestratorState {
    this.#state = answered ? this.#afterAnswer(now) : this.#afterSilence(now);
    return this.#state;
  }

  #afterAnswer(now: number): OrchestratorState {
    switch (this.#state) {
      case 'connected':
      case 'silent':
        this.#since = now;
        return 'connected';
      case 'bootstrap':
        this.#since = now;
        return 'returning';
      case 'returning':
        if (now - this.#since < this.#options.steadyMs) return 'returning';
        this.#since = now;
        return 'connected';
    }
  }

  #afterSilence(now: number): OrchestratorState {
    switch (this.#state) {
      case 'connected':
      case 'silent':
        return now - this.#since < this.#options.awayMs ? 'silent' : 'bootstrap';
      case 'bootstrap':
      case 'returning':
        return 'bootstrap';
    }
  }
}
