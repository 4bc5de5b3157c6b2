export { openEmbedder, type Embedder, type EmbedderOptions } from './embedder.js';
