import type { SearchFilters } from '../store.js';

interface Running<Answer> {
  details: readonly unknown[];
  answer: Promise<Answer>;
}

/** The tiers of one search bring the same filters: what answers for several tiers at once is asked once, and each gets the same answer. */
export class JoinedCalls<Answer> {
  readonly #running = new Map<SearchFilters, Running<Answer>>();

  /** `details` are what the call depends on beside its filters: of another search none is the same. */
  join(filters: SearchFilters, details: readonly unknown[], start: () => Promise<Answer>): Promise<Answer> {
    const running = this.#running.get(filters);
    if (running?.details.every((detail, i) => detail === details[i]) === true) return running.answer;
    const answer = start().finally(() => {
      if (this.#running.get(filters)?.answer === answer) this.#running.delete(filters);
    });
    this.#running.set(filters, { details, answer });
    return answer;
  }
}
