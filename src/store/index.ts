export type * from './store.js';
export { FIRST_WAITING } from './vectors.js';
export { openEmbeddedStore, type EmbeddedStoreOptions } from './embedded/embedded-store.js';
