import { setTimeout as sleep } from 'node:timers/promises';
import { isAkoshaError, messageOf } from '../contract/index.js';
import {
  FIRST_WAITING,
  type MadeVector,
  type MemoryStore,
  type ModelNames,
  type WaitingCursor,
  type WaitingText,
} from '../store/index.js';
import type { Embedder } from './embedding/index.js';
import type { Models } from './models.js';

/** Texts of one batch, and so of one commit: some tenths of a second of the model, which a crash or a stop repeats. */
const BATCH_TEXTS = 64;

/** How soon a new memory's text is seen. A look costs the catalog two look-ups. */
const IDLE_MS = 1_000;

/** After a model, or what keeps a text, was not to be had. Whoever installs a model sees it work within this. */
const RETRY_MS = 30_000;

/**
 * While uploads wait, so many times as long as a batch took is left to them: a fifth of one core's time at most, and vectors still come
 * under a load that never ends.
 */
const PAUSE_PER_BATCH = 4;

/** The longest such pause, for a batch that took unusually long. */
const MAX_PAUSE_MS = 10_000;

/** Vectors of an old model deleted in one transaction: some milliseconds. */
const DELETE_AT_ONCE = 2_000;

export interface VectorFillerOptions {
  store: Pick<
    MemoryStore,
    | 'modelNames'
    | 'waitingTexts'
    | 'keepVectors'
    | 'giveUpVectors'
    | 'finishModelMove'
    | 'deleteOldVectors'
    | 'backlog'
  >;
  models: Pick<Models, 'get' | 'keepOnly'>;
  log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
  /** Told how many texts of a batch got a vector, and of how many none could be made. */
  onBatch?: (made: number, failed: number) => void;
}

/** How far a walk over what waits has come, and why it left something waiting. */
interface Pass {
  after: WaitingCursor;
  /** The first reason. */
  reason: string | undefined;
  /** Memories whose texts are not to be had any more. */
  lost: number;
  /** Whether some are to be had later. */
  away: boolean;
}

/** `done`: nothing waits but `lost` memories, whose texts are not to be had. `held`: what waits cannot be done now. */
type Outcome = { is: 'worked' | 'held' } | { is: 'done'; lost: number };

interface Failure {
  reason: string;
  retryAt: number;
}

/**
 * Makes the vectors that the store lacks, of its current model and, while it is moved to another, of that one, batch by batch, until it
 * is told to stop. What waits is on record in the store, so that a crash repeats one batch, and nobody waits for this one.
 */
export class VectorFiller {
  readonly #options: VectorFillerOptions;
  readonly #passes = new Map<string, Pass>();
  readonly #failures = new Map<string, Failure>();
  /** Which step of a round comes first. */
  #turn = 0;

  constructor(options: VectorFillerOptions) {
    this.#options = options;
  }

  /** Why some of what waits for vectors of a model does not get them now; undefined while all is well. */
  failureOf(model: string): string | undefined {
    return this.#failures.get(model)?.reason;
  }

  /** Resolves once the signal is raised and the batch under way is given up or kept. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const pause = await this.#roundAndPause(signal).catch((error: unknown) => {
        if (!signal.aborted)
          this.#options.log.warn({ err: error }, 'making vectors failed; it is tried again');
        return RETRY_MS;
      });
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Returns how long to wait after it, in milliseconds. */
  async #roundAndPause(signal: AbortSignal): Promise<number> {
    const started = performance.now();
    if (!(await this.round(signal))) return IDLE_MS;
    const { uploads } = await this.#options.store.backlog();
    return uploads === 0 ? 0 : Math.min((performance.now() - started) * PAUSE_PER_BATCH, MAX_PAUSE_MS);
  }

  /**
   * One batch: of the current model, of the next, or of an old one's vectors deleted. In turn, so that new memories that never end hold
   * up no move. Returns whether there was something to do.
   */
  async round(signal: AbortSignal): Promise<boolean> {
    const names = await this.#options.store.modelNames();
    const steps = [
      async () => (await this.#fill(names.current, signal)).is === 'worked',
      () => this.#moveOn(names, signal),
      () => this.#deleteOld(names),
    ];
    const first = this.#turn;
    for (const [i, step] of [...steps.slice(first), ...steps.slice(0, first)].entries()) {
      if (!(await step())) continue;
      this.#turn = (first + i + 1) % steps.length;
      return true;
    }
    return false;
  }

  async #moveOn({ current, next }: ModelNames, signal: AbortSignal): Promise<boolean> {
    if (next === null) return false;
    const { store, log } = this.#options;
    const outcome = await this.#fill(next, signal);
    if (outcome.is !== 'done') return outcome.is === 'worked';
    if (!(await store.finishModelMove(outcome.lost))) return false;
    log.info(
      { model: next, before: current, unreadable: outcome.lost },
      'searches go by another embedding model now',
    );
    return true;
  }

  async #deleteOld({ current, next, old }: ModelNames): Promise<boolean> {
    if (!old) return false;
    const { store, models } = this.#options;
    if ((await store.deleteOldVectors(DELETE_AT_ONCE)) === 0)
      await models.keepOnly(next === null ? [current] : [current, next]);
    return true;
  }

  async #fill(model: string, signal: AbortSignal): Promise<Outcome> {
    if ((this.#failures.get(model)?.retryAt ?? 0) > performance.now()) return { is: 'held' };
    try {
      return await this.#fillPart(model, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#fail(model, messageOf(error));
      return { is: 'held' };
    }
  }

  async #fillPart(model: string, signal: AbortSignal): Promise<Outcome> {
    const { store, models } = this.#options;
    const pass = this.#passes.get(model) ?? { after: FIRST_WAITING, reason: undefined, lost: 0, away: false };
    const { texts, faults, next } = await store.waitingTexts(model, pass.after, BATCH_TEXTS, signal);
    if (texts.length > 0) await this.#make(await models.get(model), texts, signal);
    const reason = pass.reason ?? faults[0]?.reason;
    const away = pass.away || faults.some((fault) => !fault.lost);
    const lost = faults.reduce((sum, fault) => sum + (fault.lost ? fault.memories : 0), pass.lost);
    if (next !== null) {
      this.#passes.set(model, { after: next, reason, lost, away });
      return { is: 'worked' };
    }
    this.#passes.delete(model);
    if (reason !== undefined) {
      this.#fail(model, reason);
      return away ? { is: 'held' } : { is: 'done', lost };
    }
    this.#failures.delete(model);
    return texts.length > 0 ? { is: 'worked' } : { is: 'done', lost: 0 };
  }

  async #make(embedder: Embedder, texts: readonly WaitingText[], signal: AbortSignal): Promise<void> {
    const { store, log, onBatch } = this.#options;
    const made = await vectorsOf(embedder, texts, signal);
    await store.keepVectors(embedder.model, made);
    const kept = new Set(made.map(({ rowId }) => rowId));
    const failed = texts.map(({ rowId }) => rowId).filter((rowId) => !kept.has(rowId));
    if (failed.length > 0) {
      await store.giveUpVectors(embedder.model, failed);
      log.warn({ model: embedder.model, rows: failed }, 'the model made no vector of these texts');
    }
    onBatch?.(made.length, failed.length);
  }

  #fail(model: string, reason: string): void {
    if (this.failureOf(model) !== reason)
      this.#options.log.warn({ model, reason }, 'some memories get no vector for now; it is tried again');
    this.#failures.set(model, { reason, retryAt: performance.now() + RETRY_MS });
  }
}

/** A text over which the model dies is left out. Raises `ModelUnavailable` where it is the model and no text. */
async function vectorsOf(
  embedder: Embedder,
  texts: readonly WaitingText[],
  signal: AbortSignal,
): Promise<MadeVector[]> {
  try {
    const vectors = await embedder.embed(
      texts.map(({ content }) => content),
      signal,
    );
    return texts.flatMap(({ rowId }, i) => {
      const vector = vectors[i];
      return vector?.every(Number.isFinite) === true ? [{ rowId, vector }] : [];
    });
  } catch (error) {
    if (!isAkoshaError(error, 'ModelUnavailable')) throw error;
    await embedder.embed(['a text that any model takes'], signal);
    if (texts.length === 1) return [];
    const made: MadeVector[] = [];
    for (const text of texts) made.push(...(await vectorsOf(embedder, [text], signal)));
    return made;
  }
}
