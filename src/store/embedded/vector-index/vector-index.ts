import { AkoshaError, messageOf } from '../../../contract/index.js';
import type { VectorIndexState, VectorIndexStatus } from '../../vectors.js';
import type { EngineContext } from '../context.js';
import { readJson } from '../catalog/as-json.js';
import { removeIndexFile } from './index-file.js';
import type { IndexCandidate, IndexPart, IndexQuery, IndexThreadData } from './messages.js';
import { readVectors } from './read-vectors.js';
import { IndexThread } from './thread.js';

/** Between looks at the changes where no search asks for one: what an index is behind by costs the next search the time to catch up. */
const LOOK_MS = 1_000;

/** Between saves: what came since the last is read anew at a start, some thousands of rows a second. */
const SAVE_MS = 300_000;

/** After a failure, and where there was no room, which costs as much as to make it. All rows are compared meanwhile. */
const RETRY_MS = { failed: 60_000, full: 3_600_000, filling: 0, ready: LOOK_MS };

/** How long a search waits for what was committed before it: some rounds of an ingest's size. */
const CATCH_UP_MS = 250;

interface CatchUp {
  seq: number;
  resolve: () => void;
}

/** Who waits for a file; if it `erases`, for none that has anything of what is gone by now. */
interface Saver {
  erases: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * The vector index of one model: its thread, and the loop that has it follow the catalog. It searches only once everything stands in it;
 * until then, and wherever it fails, the caller compares with all rows.
 */
export class VectorIndex {
  readonly #running: Promise<void>;
  #thread: IndexThread | undefined;
  #state: VectorIndexState = 'filling';
  #reason: string | null = null;
  #applied = 0;
  #savedSeq: number | undefined;
  /** By the process's own clock, as all its times. */
  #savedAt = performance.now();
  #closed = false;
  #wake: () => void = () => undefined;
  #catchUps: CatchUp[] = [];
  #savers: Saver[] = [];

  constructor(
    private readonly context: EngineContext,
    private readonly data: IndexThreadData,
  ) {
    this.#running = this.#run();
  }

  /** Undefined where it cannot answer. */
  async search(query: IndexQuery): Promise<IndexCandidate[] | undefined> {
    const thread = this.#thread;
    if (this.#state !== 'ready' || thread === undefined) return undefined;
    try {
      const first = await thread.call('search', [query, this.#applied]);
      if (first.isWhole) return readJson(first.candidates);
      await this.#caughtUp(first.seq);
      return readJson((await thread.call('search', [query, this.#applied])).candidates);
    } catch (error) {
      // Of one that was dropped meanwhile it says nothing about the one there is now.
      if (this.#thread === thread) this.#fail(error);
      return undefined;
    }
  }

  async status(): Promise<VectorIndexStatus> {
    const { model } = this.data;
    const none = { rows: 0, waiting: 0, bytes: 0, seq: this.#applied };
    const counts = (await this.#thread?.call('counts', []).catch(() => none)) ?? none;
    return {
      model,
      state: this.#state,
      reason: this.#reason,
      rows: counts.rows,
      waiting: counts.waiting,
      behind: Math.max(0, counts.seq - this.#applied),
      bytes: counts.bytes,
    };
  }

  /** Catches up and saves, where there is something to save. */
  async save(): Promise<void> {
    if (this.#state === 'ready' && !this.#closed) await this.#ask({ erases: false });
  }

  /**
   * Returns once its file has nothing of what is gone by now: it is written anew or, where that cannot be, deleted. Raises `StoreClosed` where
   * the index is closed before that.
   */
  async eraseGone(): Promise<void> {
    this.#requireOpen();
    await this.#ask({ erases: true });
  }

  /** By the loop, so that nothing changes what is being written, and no file is deleted that is being read. */
  #ask({ erases }: Pick<Saver, 'erases'>): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#savers.push({ erases, resolve, reject });
      this.#wake();
    });
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new AkoshaError('StoreClosed', 'the store is closed, and its vector index with it');
  }

  /** Saves what it has. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#running;
    try {
      if (this.#state === 'ready') await this.#save();
    } catch (error) {
      // The next start reads what is missing from the tiers.
      this.#fail(error);
    } finally {
      await this.#thread?.close();
    }
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      // Before what they ask for is read: who comes later waits for the next file, for this one may be without the changes that they mean.
      const savers = this.#savers.splice(0);
      try {
        await this.#follow(savers.length > 0);
      } catch (error) {
        this.#fail(error);
        await this.#dropThread();
      }
      await this.#release(savers);
      await this.#sleep();
    }
    await this.#release(this.#savers.splice(0));
  }

  async #follow(isAsked: boolean): Promise<void> {
    const thread = (this.#thread ??= new IndexThread(this.data));
    if (this.#state !== 'ready' && !(await this.#fill(thread))) return;
    if (!(await this.#read(thread, 'readChanges', this.#applied))) return;
    // What is closed stops reading in the middle; what it has then is saved by who closes it.
    if (this.#closed) return;
    if (isAsked || (await this.#isDue(thread))) await this.#trySave();
  }

  /**
   * From the saved file, if there is one, and the catalog's placements: each is compared, whatever the file holds, so that nothing depends on
   * how far the list of changes goes back. Those of later than its begin are in that list.
   */
  async #fill(thread: IndexThread): Promise<boolean> {
    this.#state = 'filling';
    this.#savedSeq = await thread.call('load', []);
    const { seq } = await thread.call('counts', []);
    if (!(await this.#read(thread, 'readPlaces', 0))) return false;
    if (!(await this.#read(thread, 'readChanges', seq))) return false;
    if (this.#closed) return false;
    this.#state = 'ready';
    this.#reason = null;
    return true;
  }

  /** Part by part until there is no more. Returns false where there was no room. */
  async #read(thread: IndexThread, method: 'readPlaces' | 'readChanges', from: number): Promise<boolean> {
    for (let after: number | null = from; after !== null && !this.#closed;) {
      // What is being filled for minutes is in no file until it is whole, and the one that it began with is not missed.
      if (this.#state === 'filling') await this.#release(this.#savers.splice(0));
      const part: IndexPart = await thread.call(method, [after]);
      const { parts, without } = await readVectors(this.context, this.data.model, part.needed);
      const buffers = parts.map(({ components }) => components.buffer);
      if (!(await thread.call('keep', [parts, without], buffers))) {
        await this.#giveUp();
        return false;
      }
      // Where no change is left, those that there were are trimmed.
      if (method === 'readChanges') this.#apply(part.until ?? part.seq);
      after = part.until;
    }
    return true;
  }

  #apply(seq: number): void {
    this.#applied = seq;
    const done = this.#catchUps.filter((catchUp) => catchUp.seq <= seq);
    this.#catchUps = this.#catchUps.filter((catchUp) => catchUp.seq > seq);
    for (const { resolve } of done) resolve();
  }

  /** The first time as soon as it is whole, and then now and then. */
  async #isDue(thread: IndexThread): Promise<boolean> {
    if (this.#savedSeq === undefined && this.#reason === null)
      return (await thread.call('counts', [])).waiting === 0;
    return performance.now() - this.#savedAt >= SAVE_MS;
  }

  /** A disk without room costs the next start its time. What is in memory is as good as before: it answers on, and says why it is not saved. */
  async #trySave(): Promise<void> {
    try {
      await this.#save();
      this.#reason = null;
    } catch (error) {
      this.#reason = messageOf(error);
      this.#savedAt = performance.now();
    }
  }

  /** For the loop, once it has done what it could. */
  async #release(savers: readonly Saver[]): Promise<void> {
    try {
      if (savers.some(({ erases }) => erases)) await this.#dropStale();
      for (const { resolve } of savers) resolve();
    } catch (error) {
      for (const { reject } of savers) reject(error);
    }
  }

  /** A file that was not written just now may have what is gone. */
  async #dropStale(): Promise<void> {
    this.#requireOpen();
    if (this.#state === 'ready' && this.#savedSeq === this.#applied) return;
    this.#savedSeq = undefined;
    await removeIndexFile(this.data.file);
  }

  async #save(): Promise<void> {
    if (this.#thread === undefined || this.#savedSeq === this.#applied) return;
    const seq = this.#applied;
    await this.#thread.call('save', [seq]);
    this.#savedSeq = seq;
    this.#savedAt = performance.now();
  }

  async #giveUp(): Promise<void> {
    await this.#dropThread();
    this.#state = 'full';
    this.#reason = `more vectors than ${Math.floor(this.data.maxBytes / 2 ** 20)} MiB hold: set AKOSHA_VECTOR_INDEX_MEMORY_MB higher`;
    this.#letGo();
  }

  #fail(error: unknown): void {
    this.#state = 'failed';
    this.#reason = messageOf(error);
    this.#letGo();
  }

  /** Nobody waits for what does not come: the loop sleeps only while nobody does. */
  #letGo(): void {
    for (const { resolve } of this.#catchUps.splice(0)) resolve();
  }

  async #dropThread(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.close();
  }

  /** Soon, or late: what a search finds by its words does not wait for the index. */
  async #caughtUp(seq: number): Promise<void> {
    if (seq <= this.#applied) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CATCH_UP_MS);
      this.#catchUps.push({
        seq,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      });
      this.#wake();
    });
  }

  /** Until the next look is due, or somebody waits for it. Who waits for a file while there is no index is not kept until there is one. */
  async #sleep(): Promise<void> {
    const until = performance.now() + RETRY_MS[this.#state];
    while (!this.#closed && this.#catchUps.length === 0) {
      if (this.#savers.length > 0) {
        if (this.#state === 'ready') return;
        await this.#release(this.#savers.splice(0));
        continue;
      }
      const left = until - performance.now();
      if (left <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = () => undefined;
    }
  }
}
