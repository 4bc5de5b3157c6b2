import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Tier } from '../../../contract/index.js';
import type { Candidate, ModelVector, SearchFilters } from '../../store.js';
import type { VectorIndexStatus } from '../../vectors.js';
import type { EngineContext } from '../context.js';
import { JoinedCalls } from '../joined-calls.js';
import type { IndexCandidate } from './messages.js';
import { VectorIndex } from './vector-index.js';

/** Between looks at which models are wanted: a store is moved to another one once in a year. */
const LOOK_MS = 1_000;

export interface VectorIndexOptions {
  /** Where the files of the indexes are. */
  folder: string;
  catalog: string;
  epoch: number;
  /** Of each index; 0 for none. */
  maxBytes: number;
}

/**
 * A vector index for the current model, and one for the next while the store is moved to it: that one is whole by the time at which searches
 * go by it.
 */
export class VectorIndexes {
  readonly #indexes = new Map<string, VectorIndex>();
  readonly #joined = new JoinedCalls<IndexCandidate[] | undefined>();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(
    private readonly context: EngineContext,
    private readonly options: VectorIndexOptions,
  ) {}

  /** Nothing has to be there, or be right: what is missing is made in the background. */
  static async open(context: EngineContext, options: VectorIndexOptions): Promise<VectorIndexes> {
    const indexes = new VectorIndexes(context, options);
    if (options.maxBytes === 0) return indexes;
    await mkdir(options.folder, { recursive: true });
    indexes.#look();
    return indexes;
  }

  /**
   * The best of hot and warm together, those of them that stand in `tier`. Undefined where there is no index to ask.
   */
  async search(
    tier: Tier,
    { model, values }: ModelVector,
    filters: SearchFilters,
    limit: number,
  ): Promise<Candidate[] | undefined> {
    const found = await this.#joined.join(
      filters,
      [model, values, limit],
      () =>
        this.#indexes.get(model)?.search({ vector: values, filters, limit }) ?? Promise.resolve(undefined),
    );
    return found
      ?.filter((candidate) => candidate.tier === tier)
      .map(({ tier: _tier, ...candidate }) => candidate);
  }

  statuses(): Promise<VectorIndexStatus[]> {
    return Promise.all([...this.#indexes.values()].map((index) => index.status()));
  }

  /** Saves what has changed. */
  async save(): Promise<void> {
    await Promise.all([...this.#indexes.values()].map((index) => index.save()));
  }

  /** Returns once no file has anything of what is gone by now. One that no index goes by is deleted. */
  eraseGone(): Promise<void> {
    return this.#inTurn(async () => {
      await Promise.all([...this.#indexes.values()].map((index) => index.eraseGone()));
      await this.#removeFilesBut([...this.#indexes.keys()]);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#turn;
    await Promise.all([...this.#indexes.values()].map((index) => index.close()));
  }

  /** What starts and ends indexes, or deletes files of theirs, does it one after the other. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #look(): void {
    void this.#inTurn(() => this.#keepWanted())
      // The catalog tells by itself where it works no more.
      .catch(() => undefined)
      .then(() => {
        if (!this.#closed) this.#timer = setTimeout(() => this.#look(), LOOK_MS).unref();
      });
  }

  async #keepWanted(): Promise<void> {
    if (this.#closed) return;
    const { current, next } = await this.context.catalog.read.modelNames();
    const wanted = next === null ? [current] : [current, next];
    for (const model of wanted) if (!this.#indexes.has(model)) this.#start(model);
    for (const [model, index] of this.#indexes) {
      if (wanted.includes(model)) continue;
      this.#indexes.delete(model);
      await index.close();
    }
    await this.#removeFilesBut(wanted);
  }

  async #removeFilesBut(models: readonly string[]): Promise<void> {
    const { folder } = this.options;
    const kept = new Set(models.map(fileOf));
    for (const name of existsSync(folder) ? await readdir(folder) : [])
      if (!kept.has(name.replace(/\.new$/, ''))) await rm(path.join(folder, name));
  }

  #start(model: string): void {
    const { folder, catalog, epoch, maxBytes } = this.options;
    const file = path.join(folder, fileOf(model));
    this.#indexes.set(model, new VectorIndex(this.context, { catalog, file, model, epoch, maxBytes }));
  }
}

/** Names of models are letters, digits, dots, `-` and `_`. */
function fileOf(model: string): string {
  return `${model}.vectors`;
}
