import { Worker } from 'node:worker_threads';
import { messageOf } from '../../../contract/index.js';
import { entryPoint } from '../../../runtime/index.js';
import type { IndexMethods, IndexResponse, IndexThreadData } from './messages.js';

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

type Answer<Method extends keyof IndexMethods> = Promise<Awaited<ReturnType<IndexMethods[Method]>>>;

/** The index as seen from the main thread. Once its thread has ended every call fails. */
export class IndexThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #ended: Error | undefined;

  constructor(data: IndexThreadData) {
    // Flags of this process are not for it: a test runner's would have it load what only the runner has.
    const entry = entryPoint(import.meta.url, '../../../program/index-thread.js');
    this.#worker = new Worker(entry, { workerData: data, execArgv: [] });
    this.#worker.on('message', (response: IndexResponse) => this.#settle(response));
    this.#worker.on('error', (error) => this.#end(new Error(`the vector index failed: ${messageOf(error)}`)));
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#end(new Error('the thread of the vector index has ended'));
        resolve();
      });
    });
  }

  call<Method extends keyof IndexMethods>(
    method: Method,
    args: Parameters<IndexMethods[Method]>,
    transfer: ArrayBuffer[] = [],
  ): Answer<Method> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.#worker.postMessage({ id, method, args }, transfer);
    });
  }

  /** Ends it soon, without saving. */
  async close(): Promise<void> {
    if (this.#ended === undefined) this.#worker.postMessage('close');
    await this.#exited;
  }

  #settle(response: IndexResponse): void {
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if ('fault' in response) waiting?.reject(new Error(`the vector index failed: ${response.fault}`));
    else waiting?.resolve(response.result);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}
