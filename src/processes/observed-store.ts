import { isAkoshaError } from '../contract/index.js';
import type { ObjectStore } from '../objects/index.js';
import type { Metrics } from '../telemetry/index.js';

/** The same store, with its failed calls counted by type of error. */
export function observed(store: ObjectStore, metrics: Metrics): ObjectStore {
  const count = (error: unknown): void => {
    if (isAkoshaError(error)) metrics.objectErrors.inc({ type: error.type });
  };
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      count(error);
      throw error;
    }
  };
  const pages = async function* <T>(list: () => AsyncIterable<T>): AsyncGenerator<T> {
    try {
      for await (const page of list()) {
        yield page;
      }
    } catch (error) {
      count(error);
      throw error;
    }
  };
  return {
    url: store.url,
    put: (...args) => call(() => store.put(...args)),
    putFile: (...args) => call(() => store.putFile(...args)),
    abortStaleUploads: (...args) => call(() => store.abortStaleUploads(...args)),
    get: (...args) => call(() => store.get(...args)),
    getFile: (...args) => call(() => store.getFile(...args)),
    head: (...args) => call(() => store.head(...args)),
    delete: (...args) => call(() => store.delete(...args)),
    check: (...args) => call(() => store.check(...args)),
    list: (...args) => pages(() => store.list(...args)),
    listFolders: (...args) => pages(() => store.listFolders(...args)),
    listFolderPage: (...args) => call(() => store.listFolderPage(...args)),
    close: () => store.close(),
  };
}
