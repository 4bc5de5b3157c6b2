export type * from './store.js';
export type * from './backup.js';
export type * from './rebuild.js';
export { FIRST_WAITING } from './vectors.js';
export { openEmbeddedStore, type EmbeddedStoreOptions } from './embedded/embedded-store.js';
export { openRebuild, type RebuildOptions } from './embedded/rebuild.js';
export type { EngineOptions } from './embedded/open-engine.js';
export { downgradeStore } from './embedded/downgrade.js';
