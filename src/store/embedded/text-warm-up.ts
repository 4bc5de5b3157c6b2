import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineContext } from './context.js';
import { isDropped } from './current-rows.js';
import { fetchRange, type FetchedRow } from './tiers/searching.js';
import type { PeriodTable, TableTier } from './tiers/tables.js';

/** Of a table at a time: as DuckDB stores them together, and some milliseconds of this thread. */
const WINDOW = 2048;

/** Those of more bytes are few, and a window of them would take memory that nobody counts. */
const LONGEST = 16_384;

/** Between two of them: so all of it takes a fifth of a core, for two seconds for each hundred thousand memories. */
const PAUSE_MS = 40;

/**
 * Reads the texts of hot and warm into memory once the store is open, the newest first, until the cache is full. A search reads a hundred texts from
 * all over a tier, which takes it as long as all else; so the first searches after a start are as quick as later ones. It ends with the first forget: what
 * is forgotten must not come back here.
 */
export class TextWarmUp {
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(private readonly context: EngineContext) {
    // Nothing depends on it: a search reads what is not here, and tells of what cannot be read.
    this.#running = this.#run(this.#stop.signal).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { tiers, texts } = this.context;
    const keep = texts.warming();
    if (!keep([])) return;
    const read = async (tier: TableTier): Promise<boolean> => {
      const tables = await tiers.tables(tier);
      for (const table of tables.toSorted((a, b) => b.from - a.from)) {
        for await (const rows of this.#windows(table, signal)) if (!keep(rows)) return false;
      }
      return true;
    };
    // A tier that is damaged does not keep the other from being read.
    const isRoom = await read('hot').catch(() => !signal.aborted);
    if (isRoom) await read('warm');
  }

  /** A table that is dropped meanwhile has no more rows: they are in another. */
  async *#windows(table: PeriodTable, signal: AbortSignal): AsyncGenerator<FetchedRow[]> {
    for (let from = 0; ; from += WINDOW) {
      signal.throwIfAborted();
      const { rows, isLast } = await fetchRange(this.context.tiers, table, {
        from,
        until: from + WINDOW,
        longest: LONGEST,
      }).catch((error: unknown) => {
        if (isDropped(error)) return { rows: [], isLast: true };
        throw error;
      });
      yield rows;
      if (isLast) return;
      await sleep(PAUSE_MS, undefined, { signal });
    }
  }
}
