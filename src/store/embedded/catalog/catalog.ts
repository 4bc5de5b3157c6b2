import { Worker } from 'node:worker_threads';
import { AkoshaError } from '../../../contract/index.js';
import { entryPoint, runAll } from '../../../runtime/index.js';
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
  readonly #exited: Promise<void>;
  #nextId = 1;
  #answered = false;
  #closing = false;
  #ended: Error | undefined;

  constructor(data: CatalogThreadData) {
    this.#worker = new Worker(entryPoint(import.meta.url, './catalog-thread.js'), { workerData: data });
    this.#worker.on('message', (response: CatalogResponse) => {
      this.#settle(response);
    });
    this.#worker.on('error', (error) => {
      // Before its first answer it could not open the file; later the file stood, and a restarted server goes on with it.
      const type = this.#answered ? 'StoreClosed' : 'StoreDamaged';
      this.#end(new AkoshaError(type, `catalog at ${data.path}: ${error.message}`, { cause: error }));
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        const how = this.#closing ? 'is closed' : `lost a thread (exit code ${code}): restart the server`;
        this.#end(new AkoshaError('StoreClosed', `the catalog at ${data.path} ${how}`));
        resolve();
      });
    });
  }

  /** A dead thread refuses at once, so that the least loaded one must not be it. */
  get load(): number {
    return this.#ended === undefined ? this.#waiting.size : Infinity;
  }

  /** Why it answers no more, unless it was closed. */
  get failure(): Error | undefined {
    return this.#closing ? undefined : this.#ended;
  }

  call(method: string, args: unknown[]): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#ended === undefined) await this.call('close', []);
    await this.#exited;
  }

  #settle(response: CatalogResponse): void {
    this.#answered = true;
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if (waiting === undefined) return;
    if (!('error' in response)) waiting.resolve(response.result);
    else waiting.reject(revive(response.error));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
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
  /** As `read`, on a thread of its own: a scan of vectors takes a hundred times as long as a look-up. */
  readonly scan: CatalogReader;
  readonly #threads: CatalogThread[];

  private constructor(writer: CatalogThread, readers: CatalogThread[], scanner: CatalogThread) {
    this.#threads = [...readers, scanner, writer];
    this.write = remote<CatalogWriter>((method, args) => writer.call(method, args));
    this.read = remote<CatalogReader>((method, args) => leastLoaded(readers).call(method, args));
    this.scan = remote<CatalogReader>((method, args) => scanner.call(method, args));
  }

  /** `firstEpoch` is what a new catalog starts with; with 0 it stays without one. Raises `StoreDamaged` where the file cannot be opened. */
  static async open(path: string, firstEpoch: () => Promise<number>): Promise<Catalog> {
    const threads: CatalogThread[] = [];
    const start = (mode: CatalogThreadData['mode']): CatalogThread => {
      const thread = new CatalogThread({ path, mode });
      threads.unshift(thread);
      return thread;
    };
    try {
      const writer = start('write');
      const probe = remote<CatalogWriter>((method, args) => writer.call(method, args));
      // The writer's first answer proves that the schema stands, so that readers never open an empty file.
      await probe.openOperations('');
      const readers = Array.from({ length: READERS }, () => start('read'));
      const catalog = new Catalog(writer, readers, start('read'));
      const epoch = (await catalog.read.currentEpoch()) === 0 ? await firstEpoch() : 0;
      if (epoch > 0) await catalog.write.ensureEpoch(epoch);
      return catalog;
    } catch (error) {
      // A thread that is left keeps the process from ending. What went wrong first is what to tell.
      await closeAll(threads).catch(() => undefined);
      throw error;
    }
  }

  /** Why the catalog works no more, or not fully: a thread of it died. Undefined while all is well, and once it is closed. */
  failure(): Error | undefined {
    return this.#threads.find((thread) => thread.failure !== undefined)?.failure;
  }

  close(): Promise<void> {
    return closeAll(this.#threads);
  }
}

/** The readers first: the one that closes a SQLite file last folds its log into it, and a reader may not write. */
function closeAll(threads: readonly CatalogThread[]): Promise<void> {
  return runAll(threads.map((thread) => () => thread.close()));
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
