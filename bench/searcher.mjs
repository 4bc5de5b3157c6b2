import { join } from 'node:path';
import { EMBEDDING_MODEL } from '../dist/memory/index.js';
import { search } from '../dist/search/index.js';
import { drawQueries } from './synthetic.mjs';

/** While nothing else is done; the first of them, for which nothing was read yet, do not count. */
const [IDLE_SEARCHES, FIRST_SEARCHES] = [500, 300];

/** One caller, who searches hot and warm by a vector and words. */
export class Searcher {
  #next = 0;

  constructor(store, queries, tell) {
    Object.assign(this, { store, queries, tell });
  }

  /** `tell` is given each time how many searches there were, and the milliseconds of p50, p99 and the longest. */
  static async open({ store, folder }, tell) {
    const queries = await drawQueries(join(folder, 'host-0.duckdb'), 2_000, 'conversations_v2');
    const searcher = new Searcher(store, queries, tell);
    for (let i = 0; i < FIRST_SEARCHES; i++) await searcher.#ask();
    return searcher;
  }

  async idle(when) {
    const taken = [];
    for (let i = 0; i < IDLE_SEARCHES; i++) taken.push(await this.#ask());
    this.#tell(when, taken);
  }

  /** Until the work is done. */
  async during(when, work) {
    let isDone = false;
    const done = work().finally(() => (isDone = true));
    const taken = [];
    while (!isDone) taken.push(await this.#ask());
    this.#tell(when, taken);
    return done;
  }

  async #ask() {
    const { text, vector: values } = this.queries[this.#next++ % this.queries.length];
    const embedder = { embedQuery: () => Promise.resolve({ model: EMBEDDING_MODEL, values }) };
    const begun = performance.now();
    const request = { text, limit: 10, tiers: ['hot', 'warm'] };
    const { partial } = await search({ store: this.store, embedder, timeoutMs: 60_000 }, request);
    if (partial.length > 0) throw new Error(JSON.stringify(partial));
    return performance.now() - begun;
  }

  #tell(when, taken) {
    const sorted = taken.toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]?.toFixed(1);
    this.tell(when, [taken.length, at(0.5), at(0.99), at(1)]);
  }
}
