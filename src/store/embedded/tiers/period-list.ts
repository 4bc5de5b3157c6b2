import type { PeriodTable } from './tables.js';

/** A tier's tables as they were read last. They change once a day, and every search and every ingest asks for them. */
export class PeriodList {
  #known: readonly PeriodTable[] | undefined;
  #generation = 0;
  #isChanging = false;

  change(): void {
    this.#isChanging = true;
  }

  /** The transaction that may have changed them is through, one way or the other. */
  settle(): void {
    if (!this.#isChanging) return;
    this.#isChanging = false;
    this.#generation += 1;
    this.#known = undefined;
  }

  async get(read: () => Promise<PeriodTable[]>): Promise<readonly PeriodTable[]> {
    if (this.#known !== undefined) return this.#known;
    const generation = this.#generation;
    const tables = await read();
    // What was read before a change is no answer after it.
    if (generation === this.#generation) this.#known = tables;
    return tables;
  }
}
