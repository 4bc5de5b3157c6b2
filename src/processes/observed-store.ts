import { isAkoshaError } from '../contract/index.js';
import type { ObjectStore } from '../objects/index.js';
import type { Metrics } from '../telemetry/index.js';

/** How calls to a remote have gone lately. */
export class RemoteHealth {
  failures = 0;
  lastFailureAt: number | null = null;

  constructor(readonly name: string) {}

  succeeded(): void {
    this.failures = 0;
  }

  failed(): void {
    this.failures++;
    this.lastFailureAt = Date.now();
  }
}

/** The same store, with its calls counted: errors by type, listings by page, and failures in a row that are the store's own. */
export function observed(store: ObjectStore, health: RemoteHealth, metrics: Metrics): ObjectStore {
  const settle = (error?: unknown): void => {
    if (isAkoshaError(error)) metrics.objectErrors.inc({ type: error.type });
    // A missing key is an answer; only silence and refusal say something of the store.
    if (isAkoshaError(error, 'ObjectStoreUnavailable') || isAkoshaError(error, 'ObjectStoreRefused'))
      health.failed();
    else if (!isAkoshaError(error, 'Cancelled')) health.succeeded();
  };
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    try {
      const result = await run();
      settle();
      return result;
    } catch (error) {
      settle(error);
      throw error;
    }
  };
  const pages = async function* <T>(list: () => AsyncIterable<T>): AsyncGenerator<T> {
    try {
      for await (const page of list()) {
        metrics.objectListRequests.inc();
        yield page;
      }
      settle();
    } catch (error) {
      settle(error);
      throw error;
    }
  };
  return {
    url: store.url,
    put: (...args) => call(() => store.put(...args)),
    putFile: (...args) => call(() => store.putFile(...args)),
    get: (...args) => call(() => store.get(...args)),
    getFile: (...args) => call(() => store.getFile(...args)),
    head: (...args) => call(() => store.head(...args)),
    delete: (...args) => call(() => store.delete(...args)),
    check: (...args) => call(() => store.check(...args)),
    list: (...args) => pages(() => store.list(...args)),
    listFolders: (...args) => pages(() => store.listFolders(...args)),
    close: () => store.close(),
  };
}
