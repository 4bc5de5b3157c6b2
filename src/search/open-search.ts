import { isAkoshaError } from '../contract/index.js';
import type { MemoryStore, ModelVector } from '../store/index.js';
import type { Models } from './models.js';
import type { SearchAnswer } from './answer.js';
import { ColdVectors } from './cold-vectors.js';
import type { QueryEmbedder, SearchContext } from './context.js';
import { search } from './query.js';
import type { SearchRequest } from './request.js';

export interface SearchOptions extends Omit<SearchContext, 'embedder' | 'coldVectors'> {
  /** The caller closes them. Undefined where embeddings are off: search goes by words alone. */
  models: Pick<Models, 'get'> | undefined;
}

/** The search of a running server. */
export interface Search {
  search(request: SearchRequest, signal?: AbortSignal): Promise<SearchAnswer>;
  /** Drops what searches made of memories' texts and keep in memory. What is under way may keep some of it anew, until it ends. */
  dropDerived(): void;
}

/** Nothing is loaded yet: the first query opens the model, and where it is not to be had the next one looks again. */
export function openSearch({ models, ...options }: SearchOptions): Search {
  const embedder = models === undefined ? undefined : storeEmbedder(options.store, models);
  const coldVectors = new ColdVectors();
  const context = { ...options, embedder, coldVectors };
  return {
    search: (request, signal) => search(context, request, signal),
    dropDerived: () => coldVectors.clear(),
  };
}

/** Queries go by the store's model of the moment. */
function storeEmbedder(store: MemoryStore, models: Pick<Models, 'get'>): QueryEmbedder {
  const embedOnce = async (text: string, signal: AbortSignal | undefined): Promise<ModelVector> => {
    const { current } = await store.modelNames();
    return { model: current, values: await (await models.get(current)).embedQuery(text, signal) };
  };
  return {
    embedTexts: async (model, texts, signal) => (await models.get(model)).embed(texts, signal),
    embedQuery: (text, signal) =>
      embedOnce(text, signal).catch((error: unknown) => {
        // A move to another model ended meanwhile, and the old one with it.
        if (isAkoshaError(error, 'Cancelled') && signal?.aborted !== true) return embedOnce(text, signal);
        throw error;
      }),
  };
}
