export { openEmbedder, type Embedder, type EmbedderOptions } from './embedding/index.js';
export { VectorFiller } from './fill-vectors.js';
export { Models } from './models.js';
export { openSearch, type Search, type SearchOptions } from './open-search.js';
export type { Explanation, SearchAnswer, SearchResult } from './answer.js';
export { search } from './query.js';
export { DEFAULT_LIMIT, MAX_LIMIT } from './limits.js';
export type { SearchRequest } from './request.js';
