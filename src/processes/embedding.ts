import type { EmbeddingStatus } from '../api/index.js';
import { AkoshaError } from '../contract/index.js';
import { VectorFiller, type Models } from '../search/index.js';
import type { MemoryStore, VectorModel } from '../store/index.js';
import type { Logger, Metrics } from '../telemetry/index.js';
import type { ServerParts } from './server-parts.js';

/** The vectors that a server makes in the background, and what it tells about them. */
export interface Embedding {
  /** Until the signal is raised. Does nothing where embeddings are off. */
  run(signal: AbortSignal): Promise<void>;
  status(): Promise<EmbeddingStatus>;
  /** See `ApiServices.reembed`. */
  moveTo(model: string): Promise<EmbeddingStatus>;
  /** Counts what waits, for the gauge. */
  observe(): Promise<void>;
}

export function openEmbedding(
  { store, models }: Pick<ServerParts, 'store' | 'models'>,
  { log, metrics }: { log: Logger; metrics: Metrics },
): Embedding {
  const filler =
    models === undefined
      ? undefined
      : new VectorFiller({
          store,
          models,
          log,
          onBatch: (made, failed) => {
            metrics.vectorsMade.inc({ result: 'made' }, made);
            metrics.vectorsMade.inc({ result: 'failed' }, failed);
          },
        });
  const failureOf = (model: string): string | null => filler?.failureOf(model) ?? null;
  const status = async (): Promise<EmbeddingStatus> =>
    describe(await store.vectorModels(), filler !== undefined, failureOf);
  return {
    run: async (signal) => filler?.run(signal),
    status,
    moveTo: async (model) => {
      if (models === undefined)
        throw new AkoshaError('BadRequest', 'embeddings are off: set AKOSHA_EMBEDDINGS to on');
      try {
        await requireModel(store, models, model);
        await store.beginModelMove(model);
      } catch (error) {
        // It is loaded by now, and nothing else would ever let go of it.
        await keepModelsOfStore(store, models);
        throw error;
      }
      log.info({ model }, 'the store is asked to go by this embedding model');
      return status();
    },
    observe: async () => {
      const waiting = { current: 0, next: 0 };
      for (const { role, waiting: rows } of await store.vectorModels()) waiting[role] = rows;
      for (const role of ['current', 'next'] as const)
        metrics.vectorsWaiting.set({ model: role }, waiting[role]);
    },
  };
}

/** A model that is not there, or makes no vectors of the store's length, is told to whoever asks for it, not to the log. */
async function requireModel(store: MemoryStore, models: Models, model: string): Promise<void> {
  const { current, next } = await store.modelNames();
  if (model === current || model === next) return;
  await (await models.get(model)).embed(['a text that any model takes']);
}

async function keepModelsOfStore(store: MemoryStore, models: Models): Promise<void> {
  const { current, next } = await store.modelNames();
  await models.keepOnly(next === null ? [current] : [current, next]);
}

function describe(
  models: readonly VectorModel[],
  enabled: boolean,
  failureOf: (model: string) => string | null,
): EmbeddingStatus {
  const current = models.find(({ role }) => role === 'current');
  const next = models.find(({ role }) => role === 'next');
  if (current === undefined) throw new Error('the store has no model');
  return {
    enabled,
    model: current.name,
    rows_waiting: current.waiting,
    failure: failureOf(current.name),
    move:
      next === undefined
        ? null
        : {
            model: next.name,
            since: new Date(next.since).toISOString(),
            rows: next.total,
            rows_waiting: next.waiting,
            failure: failureOf(next.name),
          },
  };
}
