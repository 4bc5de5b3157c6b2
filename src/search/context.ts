import type { MemoryStore, ModelVector } from '../store/index.js';
import type { Budget } from './budget.js';
import type { TierTimes } from './candidates.js';
import type { ColdVectors } from './cold-vectors.js';
import type { Recency } from './recency.js';
import type { CheckedRequest } from './request.js';

/** Turns a query into a vector, and says which model did. */
export interface QueryEmbedder {
  embedQuery(text: string, signal?: AbortSignal): Promise<ModelVector>;
  /** Vectors of stored texts by a model; where it is left out, cold memories are ranked by their signs alone. */
  embedTexts?(model: string, texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
}

export interface SearchContext {
  store: MemoryStore;
  /** Undefined where embeddings are off: search goes by words alone. */
  embedder: QueryEmbedder | undefined;
  /** After which a search answers with what has come in (`AKOSHA_SEARCH_TIMEOUT_SECONDS`). */
  timeoutMs: number;
  /** By default each tier may take as long as the whole. */
  tierTimes?: TierTimes;
  /** By default age does not count. */
  recency?: Recency;
  /** What searches keep for the next ones; by default nothing. */
  coldVectors?: ColdVectors;
  /** The setting's clock, by which memories age; by default the system's. */
  clock?: () => number;
}

/** A search under way. */
export interface Running {
  context: SearchContext;
  request: CheckedRequest;
  terms: readonly string[];
  budget: Budget;
  /** Milliseconds since 1970. */
  now: number;
}
