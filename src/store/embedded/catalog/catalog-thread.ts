import { parentPort, workerData } from 'node:worker_threads';
import { AsJson } from './as-json.js';
import { CatalogDatabase } from './database.js';
import { answerTogether, sharesCommit } from './group-commit.js';
import { failureOf, type CatalogFailure } from './failures.js';
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
  { id: number; result: unknown } | { id: number; json: string } | { id: number; error: CatalogFailure };

const { path, mode } = workerData as CatalogThreadData;
const methods: Record<string, (db: CatalogDatabase, ...args: never[]) => unknown> =
  mode === 'write' ? WRITE_METHODS : READ_METHODS;
let opened = open();

const waiting: CatalogRequest[] = [];

parentPort?.on('message', (request: CatalogRequest) => {
  // After those that lie in the port already.
  if (waiting.push(request) === 1) setImmediate(answerWaiting);
});

function answerWaiting(): void {
  for (let request = waiting[0]; request !== undefined; request = waiting[0]) {
    const answers =
      mode === 'write' && 'database' in opened && sharesCommit(waiting)
        ? answerTogether(opened.database, waiting, answer)
        : [answer(request)];
    waiting.splice(0, answers.length);
    for (const response of answers) parentPort?.postMessage(response);
    if (request.method === 'close') parentPort?.close();
  }
}

/** A file that does not open is told to whoever asks, with its type: of an error that ends a thread only the text arrives. */
function open(): { database: CatalogDatabase } | { failure: CatalogFailure } {
  try {
    return { database: new CatalogDatabase(path, mode) };
  } catch (error) {
    return { failure: failureOf(error, path) };
  }
}

function answer({ id, method, args }: CatalogRequest): CatalogResponse {
  try {
    if (method === 'close') {
      if ('database' in opened) opened.database.close();
      return { id, result: undefined };
    }
    // As on a full disk, it may by now.
    if ('failure' in opened) opened = open();
    if ('failure' in opened) return { id, error: opened.failure };
    const run = methods[method];
    if (run === undefined) throw new Error(`catalog: no ${mode} method ${method}`);
    const result = run(opened.database, ...(args as never[]));
    return result instanceof AsJson ? { id, json: result.text } : { id, result };
  } catch (error) {
    return { id, error: failureOf(error, path) };
  }
}
