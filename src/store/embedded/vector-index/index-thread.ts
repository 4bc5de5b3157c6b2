import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../../contract/index.js';
import { CatalogDatabase } from '../catalog/database.js';
import { IndexWorker } from './index-worker.js';
import type { IndexRequest, IndexResponse, IndexThreadData } from './messages.js';

/** The calls of usearch and SQLite are synchronous, some of tens of milliseconds, so the index has a thread of its own. */
const { catalog, ...data } = workerData as IndexThreadData;
const worker = new IndexWorker(data, new CatalogDatabase(catalog, 'read'));

parentPort?.on('message', (request: IndexRequest | 'close') => {
  if (request === 'close') {
    worker.close();
    parentPort?.close();
    return;
  }
  void answer(request).then((response) => parentPort?.postMessage(response));
});

async function answer({ id, method, args }: IndexRequest): Promise<IndexResponse> {
  try {
    return { id, result: await (worker[method] as (...args: unknown[]) => unknown).apply(worker, args) };
  } catch (error) {
    return { id, fault: messageOf(error) };
  }
}
