import type { PlacedStore } from '../store.js';
import type { EngineContext } from './context.js';

/** What a restore drill compares, of a store that serves as of one that is being rebuilt. */
export function placedStore({ catalog: { read } }: EngineContext): PlacedStore {
  return {
    placedPage: (after, limit) => read.placedPage(after, limit),
    // A key and no more goes to the catalog's thread.
    placedOf: (keys) =>
      read.placedOf(keys.map(({ systemId, kind, memoryId }) => ({ systemId, kind, memoryId }))),
    objectsOnRecord: (names, upTo) => read.objectsOnRecord(names, upTo),
    expiryCutoff: () => read.expiryCutoff(),
    pendingAmong: (uploads) =>
      read.pendingAmong(uploads.map(({ systemId, uploadId }) => ({ systemId, uploadId }))),
  };
}
