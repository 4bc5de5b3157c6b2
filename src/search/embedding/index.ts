export { openEmbedder, type Embedder, type EmbedderOptions } from './embedder.js';
export { EMBEDDING_DIMENSIONS, EMBEDDING_MODEL } from './model-files.js';
