import { Worker } from 'node:worker_threads';
import { AkoshaError, isAkoshaError } from '../../../contract/index.js';
import { entryPoint, runAll } from '../../../runtime/index.js';
import type { CatalogResponse, CatalogThreadData } from './catalog-thread.js';
import { revive } from './failures.js';
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
  #closing = false;
  #ended: Error | undefined;
  #damage: Error | undefined;

  constructor(data: CatalogThreadData) {
    // Bundled (scripts/bundle-threads.mjs). Flags of this process are not for it: a test runner's would have it load what only the runner has.
    const entry = entryPoint(import.meta.url, './catalog-thread.cjs');
    this.#worker = new Worker(entry, { workerData: data, execArgv: [] });
    this.#worker.on('message', (response: CatalogResponse) => {
      this.#settle(response);
    });
    this.#worker.on('error', (error) => {
      this.#end(
        new AkoshaError('StoreClosed', `catalog at ${data.path}: ${error.message}`, { cause: error }),
      );
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

  /** Why it answers no more, or what it found its file to be, unless it was closed. */
  get failure(): Error | undefined {
    return this.#closing ? undefined : (this.#ended ?? this.#damage);
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
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if (waiting === undefined) return;
    if ('json' in response) waiting.resolve(JSON.parse(response.json));
    else if ('result' in response) waiting.resolve(response.result);
    else {
      const error = revive(response.error);
      if (isAkoshaError(error, 'StoreDamaged')) this.#damage ??= error;
      waiting.reject(error);
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

/** Two readers: one long text search does not hold up the look-ups of another. */
const READERS = 2;

/** Threads that do the same. Each starts when all that there are have work: it costs 50 ms of a core, and most stores never need the last. */
class ThreadPool {
  readonly #threads: CatalogThread[] = [];

  constructor(
    private readonly most: number,
    private readonly start: () => CatalogThread,
  ) {}

  async call(method: string, args: unknown[]): Promise<unknown> {
    return this.#leastLoaded().call(method, args);
  }

  #leastLoaded(): CatalogThread {
    const [first, ...others] = this.#threads;
    const least = first && others.reduce((best, thread) => (thread.load < best.load ? thread : best), first);
    if (least !== undefined && (least.load === 0 || this.#threads.length === this.most)) return least;
    const thread = this.start();
    this.#threads.push(thread);
    return thread;
  }
}

/** The catalog: one writing thread, several reading ones, seen from the main thread as asynchronous calls. */
export class Catalog {
  readonly write: CatalogWriter;
  readonly read: CatalogReader;
  /** As `read`, on a thread of its own: a scan of vectors takes a hundred times as long as a look-up. */
  readonly scan: CatalogReader;
  /** As `read`, on a thread of its own, for moves: a search beside them would go to the second reader, which has none of the catalog in memory. */
  readonly background: CatalogReader;
  /** Those that were started, the newest first: the writer is the last. */
  readonly #threads: CatalogThread[] = [];
  #closed = false;

  private constructor(private readonly path: string) {
    this.write = remote<CatalogWriter>(new ThreadPool(1, () => this.#start('write')));
    this.read = remote<CatalogReader>(new ThreadPool(READERS, () => this.#start('read')));
    this.scan = remote<CatalogReader>(new ThreadPool(1, () => this.#start('read')));
    this.background = remote<CatalogReader>(new ThreadPool(1, () => this.#start('read')));
  }

  /** `firstEpoch` is what a new catalog starts with; with 0 it stays without one. Raises `StoreDamaged` where the file cannot be opened. */
  static async open(path: string, firstEpoch: () => Promise<number>): Promise<Catalog> {
    const catalog = new Catalog(path);
    try {
      // The writer's first answer proves that the schema stands, so that readers never open an empty file.
      await catalog.write.openOperations('');
      const epoch = (await catalog.read.currentEpoch()) === 0 ? await firstEpoch() : 0;
      if (epoch > 0) await catalog.write.ensureEpoch(epoch);
      return catalog;
    } catch (error) {
      // A thread that is left keeps the process from ending. What went wrong first is what to tell.
      await catalog.close().catch(() => undefined);
      throw error;
    }
  }

  /** Why the catalog works no more, or not fully: a thread of it died, or its file is damaged. Undefined while all is well, and once it is closed. */
  failure(): Error | undefined {
    return this.#threads.find((thread) => thread.failure !== undefined)?.failure;
  }

  /** The readers first: the one that closes a SQLite file last folds its log into it, and a reader may not write. */
  close(): Promise<void> {
    this.#closed = true;
    return runAll(this.#threads.map((thread) => () => thread.close()));
  }

  #start(mode: CatalogThreadData['mode']): CatalogThread {
    if (this.#closed) throw new AkoshaError('StoreClosed', `the catalog at ${this.path} is closed`);
    const thread = new CatalogThread({ path: this.path, mode });
    this.#threads.unshift(thread);
    return thread;
  }
}

/** Any property is a call of that name: the method tables are the types, and the thread refuses an unknown name. */
function remote<T extends object>(threads: ThreadPool): T {
  return new Proxy({} as T, {
    get:
      (_target, method) =>
      (...args: unknown[]) =>
        threads.call(String(method), args),
  });
}
