import { setTimeout as sleep } from 'node:timers/promises';
import type { TextToIndex, ToIndex } from './catalog/text-index.js';
import type { EngineContext } from './context.js';
import { readCurrent } from './current-rows.js';
import { fetchFromObjects, fetchFromTables } from './tiers/searching.js';

/** Read and written at once: a megabyte of common texts, and some milliseconds of the thread that writes. */
const BATCH = 500;

/** Between two walks over what could not be read, as where the object store is away. It doubles up to the second. */
const PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 600_000;

/**
 * Brings the words and tags of memories that an older version placed to where searches look for them now, beside everything else; where
 * there are none it ends at once. What is done is on record, so that a restart goes on. Until it is through, a search may miss texts without
 * spaces, and tags.
 */
export class IndexingAgain {
  readonly #context: EngineContext;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(context: EngineContext) {
    this.#context = context;
    // What fails waits for the next start; a search of words still finds most.
    this.#running = this.#run(this.#stop.signal).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let pause = PAUSE_MS; await this.#walk(signal); pause = Math.min(pause * 2, LONGEST_PAUSE_MS))
      await sleep(pause, undefined, { signal });
  }

  /** Returns whether something is left. */
  async #walk(signal: AbortSignal): Promise<boolean> {
    const { read } = this.#context.catalog;
    let after = -1;
    for (;;) {
      signal.throwIfAborted();
      const batch = await read.memoriesToIndex({ after, limit: BATCH });
      const last = batch.at(-1);
      if (last === undefined) break;
      after = last.pid;
      // What is cold may not be to be had; the others do not wait for it.
      const isCold = ({ placed }: ToIndex): boolean => placed.tier === 'cold';
      await this.#index(
        batch.filter((item) => !isCold(item)),
        signal,
      );
      await this.#index(batch.filter(isCold), signal);
    }
    return (await read.memoriesToIndex({ after: -1, limit: 1 })).length > 0;
  }

  async #index(batch: readonly ToIndex[], signal: AbortSignal): Promise<void> {
    if (batch.length === 0) return;
    try {
      const texts = await this.#read(batch, signal);
      await this.#context.catalog.write.indexAgain(texts);
    } catch {
      // It goes on waiting, and is tried again after the pause.
      signal.throwIfAborted();
    }
  }

  async #read(batch: readonly ToIndex[], signal: AbortSignal): Promise<TextToIndex[]> {
    const { tiers } = this.#context;
    const pids = new Map(batch.map(({ pid, placed }) => [placed.rowId, pid]));
    // One look: what moved meanwhile has another row id, and comes with the next walk.
    const find = (missing: unknown): Promise<ToIndex['placed'][]> =>
      Promise.resolve(missing === undefined ? batch.map(({ placed }) => placed) : []);
    const { found } = await readCurrent(
      this.#context,
      find,
      {
        tables: (parts) => fetchFromTables(tiers, parts),
        objects: (files, rowIds) => fetchFromObjects(tiers, files, rowIds),
      },
      signal,
    );
    return found.flatMap(({ place, row }) => {
      const pid = pids.get(row.rowId);
      if (pid === undefined) return [];
      const content = place.tier === 'cold' ? undefined : row.content;
      return [{ pid, rowId: row.rowId, content, tags: row.tags }];
    });
  }
}
