import { parentPort, workerData } from 'node:worker_threads';
import { isAkoshaError, messageOf, type ErrorType } from '../../../contract/index.js';
import { CatalogDatabase } from './database.js';
import { READ_METHODS, WRITE_METHODS } from './methods.js';

/** SQLite calls are synchronous, so each connection has a thread of its own and the main thread stays free. */
export interface CatalogThreadData {
  path: string;
  mode: 'write' | 'read';
}

export interface CatalogRequest {
  id: number;
  method: string;
  args: unknown[];
}

export type CatalogResponse =
  { id: number; result: unknown } | { id: number; error: { type: ErrorType | undefined; message: string } };

const { path, mode } = workerData as CatalogThreadData;
const methods: Record<string, (db: CatalogDatabase, ...args: never[]) => unknown> =
  mode === 'write' ? WRITE_METHODS : READ_METHODS;
const database = new CatalogDatabase(path, mode);

parentPort?.on('message', (request: CatalogRequest) => {
  parentPort?.postMessage(answer(request));
  if (request.method === 'close') parentPort?.close();
});

function answer({ id, method, args }: CatalogRequest): CatalogResponse {
  try {
    if (method === 'close') {
      database.close();
      return { id, result: undefined };
    }
    const run = methods[method];
    if (run === undefined) throw new Error(`catalog: no ${mode} method ${method}`);
    return { id, result: run(database, ...(args as never[])) };
  } catch (error) {
    return { id, error: { type: isAkoshaError(error) ? error.type : undefined, message: messageOf(error) } };
  }
}
