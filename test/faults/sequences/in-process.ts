import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AkoshaError, isAkoshaError, messageOf } from '../../../src/contract/index.js';
import { ReaderPool, type Snapshot, type SnapshotRequest } from '../../../src/reader/index.js';
import { snapshotDatabase } from '../../../src/reader/snapshot-job.js';
import { CatalogDatabase } from '../../../src/store/embedded/catalog/database.js';
import { IndexWorker } from '../../../src/store/embedded/vector-index/index-worker.js';
import type { IndexMethods, IndexThreadData } from '../../../src/store/embedded/vector-index/messages.js';

/** A double of the index's thread: its work is done on the main thread, where a test is told of its fail points. */
export class IndexInProcess {
  readonly #worker: IndexWorker;

  constructor({ catalog, ...data }: IndexThreadData) {
    this.#worker = new IndexWorker(data, new CatalogDatabase(catalog, 'read'));
  }

  async call(method: keyof IndexMethods, args: unknown[]): Promise<unknown> {
    try {
      return await (this.#worker[method] as (...args: unknown[]) => unknown).apply(this.#worker, args);
    } catch (error) {
      throw new Error(`the vector index failed: ${messageOf(error)}`, { cause: error });
    }
  }

  close(): Promise<void> {
    this.#worker.close();
    return Promise.resolve();
  }
}

/** A reader that takes snapshots in this process, for the same reason. All else its children do. */
export class SnapshotsInProcess extends ReaderPool {
  override async snapshotDatabase(request: SnapshotRequest): Promise<Snapshot> {
    const work = await mkdtemp(join(request.folder, 'job-'));
    try {
      return await snapshotDatabase({
        job: 'snapshotDatabase',
        exclude: { projects: [], kinds: [], categories: [], patterns: [] },
        compression: 'gzip',
        compressionLevel: 1,
        memoryLimitMb: 256,
        external: {},
        externalTimeoutMs: 30_000,
        ...request,
        work,
      });
    } catch (error) {
      // As what a child answers.
      throw isAkoshaError(error)
        ? error
        : new AkoshaError('ReaderFailed', messageOf(error), { cause: error });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
}
