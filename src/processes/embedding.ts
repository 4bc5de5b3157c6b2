import { VectorFiller } from '../search/index.js';
import type { VectorModel } from '../store/index.js';
import type { Logger, Metrics } from '../telemetry/index.js';
import type { ServerParts } from './server-parts.js';

/** The vectors that a server makes in the background, and what it tells about them. */
export interface Embedding {
  /** Until the signal is raised. Does nothing where embeddings are off. */
  run(signal: AbortSignal): Promise<void>;
  /** As JSON. */
  status(): Promise<EmbeddingStatus>;
  /** Counts what waits, for the gauge. */
  observe(): Promise<void>;
}

export interface EmbeddingStatus {
  enabled: boolean;
  /** By which searches go. */
  model: string;
  /** Memories without a vector of it, found by their words alone. */
  rows_waiting: number;
  /** Why some of them get none now. */
  failure: string | null;
  /** The move to another model that is under way. */
  move: {
    model: string;
    since: string;
    rows: number;
    rows_waiting: number;
    failure: string | null;
  } | null;
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
  return {
    run: async (signal) => filler?.run(signal),
    status: async () => describe(await store.vectorModels(), filler !== undefined, failureOf),
    observe: async () => {
      const waiting = { current: 0, next: 0 };
      for (const { role, waiting: rows } of await store.vectorModels()) waiting[role] = rows;
      for (const role of ['current', 'next'] as const)
        metrics.vectorsWaiting.set({ model: role }, waiting[role]);
    },
  };
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
