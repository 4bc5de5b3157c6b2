import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { AkoshaError } from '../../../contract/index.js';
import { entryPoint } from '../../../runtime/index.js';
import type { CatalogResponse, CatalogThreadData } from './catalog-thread.js';
import type { READ_METHODS, Remote, WRITE_METHODS } from './methods.js';

export type CatalogWriter = Remote<typeof WRITE_METHODS>;
export type CatalogReader = Remote<typeof READ_METHODS>;

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** A thread that answers calls by name, in order. */
class CatalogThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #failure: Error | undefined;

  constructor(data: CatalogThreadData) {
    this.#worker = new Worker(entryPoint(import.meta.url, './catalog-thread.js'), { workerData: data });
    this.#worker.on('message', (response: CatalogResponse) => {
      this.#settle(response);
    });
    this.#worker.on('error', (error) => {
      this.#fail(
        new AkoshaError('StoreDamaged', `catalog at ${data.path}: ${error.message}`, { cause: error }),
      );
    });
    this.#worker.on('exit', () => {
      this.#fail(new AkoshaError('StoreClosed', 'the catalog is closed'));
    });
  }

  get load(): number {
    return this.#waiting.size;
  }

  call(method: string, args: unknown[]): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args });
    });
  }

  async close(): Promise<void> {
    if (this.#failure !== undefined) return;
    const exited = once(this.#worker, 'exit');
    await this.call('close', []);
    await exited;
  }

  #settle(response: CatalogResponse): void {
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if (waiting === undefined) return;
    if (!('error' in response)) waiting.resolve(response.result);
    else waiting.reject(revive(response.error));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

function revive({ type, message }: { type: AkoshaError['type'] | undefined; message: string }): Error {
  return type === undefined ? new Error(`catalog: ${message}`) : new AkoshaError(type, message);
}

/** Two readers: one long text search does not hold up the look-ups of another. */
const READERS = 2;

/** The catalog: one writing thread, several reading ones, seen from the main thread as asynchronous calls. */
export class Catalog {
  readonly write: CatalogWriter;
  readonly read: CatalogReader;
  readonly #threads: CatalogThread[];

  private constructor(writer: CatalogThread, readers: CatalogThread[]) {
    this.#threads = [...readers, writer];
    this.write = remote<CatalogWriter>((method, args) => writer.call(method, args));
    this.read = remote<CatalogReader>((method, args) => leastLoaded(readers).call(method, args));
  }

  /** `firstEpoch` is what a new catalog starts with. Raises `StoreDamaged` where the file cannot be opened. */
  static async open(path: string, firstEpoch: () => Promise<number>): Promise<Catalog> {
    const writer = new CatalogThread({ path, mode: 'write' });
    const probe = remote<CatalogWriter>((method, args) => writer.call(method, args));
    // The writer's first answer proves that the schema stands, so that readers never open an empty file.
    await probe.openOperations('');
    const readers = Array.from({ length: READERS }, () => new CatalogThread({ path, mode: 'read' }));
    const catalog = new Catalog(writer, readers);
    if ((await catalog.read.currentEpoch()) === 0) await catalog.write.ensureEpoch(await firstEpoch());
    return catalog;
  }

  async close(): Promise<void> {
    for (const thread of this.#threads) await thread.close();
  }
}

function leastLoaded(threads: readonly CatalogThread[]): CatalogThread {
  return threads.reduce((best, thread) => (thread.load < best.load ? thread : best));
}

/** Any property is a call of that name: the method tables are the types, and the thread refuses an unknown name. */
function remote<T extends object>(call: (method: string, args: unknown[]) => Promise<unknown>): T {
  return new Proxy({} as T, {
    get:
      (_target, method) =>
      (...args: unknown[]) =>
        call(String(method), args),
  });
}
