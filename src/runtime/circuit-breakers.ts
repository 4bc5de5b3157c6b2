import { CircuitBreaker, type CircuitBreakerOptions, type CircuitBreakerStatus } from './circuit-breaker.js';

/** The breakers of a process, for whoever tells of them. */
export class CircuitBreakers {
  readonly #byName = new Map<string, CircuitBreaker>();
  readonly #shared: Pick<CircuitBreakerOptions, 'onChange' | 'openMs'>;

  /** What all breakers have: `onChange` is told of each one's changes. */
  constructor(shared: Pick<CircuitBreakerOptions, 'onChange' | 'openMs'> = {}) {
    this.#shared = shared;
  }

  /** The breaker of that name, made at the first call: two ways to one remote share what they learn of it. */
  of(options: CircuitBreakerOptions): CircuitBreaker {
    const known = this.#byName.get(options.name);
    if (known !== undefined) return known;
    const breaker = new CircuitBreaker({ ...this.#shared, ...options });
    this.#byName.set(options.name, breaker);
    return breaker;
  }

  /** Of all of them, in the order in which they were made. */
  statuses(): CircuitBreakerStatus[] {
    return [...this.#byName.values()].map((breaker) => breaker.status());
  }
}
