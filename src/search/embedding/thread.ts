import { Worker } from 'node:worker_threads';
import { messageOf } from '../../contract/index.js';
import { entryPoint } from '../../runtime/index.js';
import type { ThreadReply, ThreadRequest } from './messages.js';
import { modelUnavailable, type ModelFiles } from './model-files.js';

/** What a closing thread may still take: the end of one run or of loading the model, each well under a second. */
const CLOSE_MS = 5000;

/** The thread ended by itself: an uncaught error, or out of memory. */
export class ThreadDied extends Error {
  override readonly name = 'ThreadDied';
}

interface Waiting<Value> {
  resolve: (value: Value) => void;
  reject: (error: Error) => void;
}

/**
 * The worker thread in which the model runs. A native run is synchronous, and on the thread that serves HTTP and Temporal
 * it would hold up both. One request at a time.
 */
export class EmbeddingThread {
  /** Milliseconds that loading took; rejects with `ModelUnavailable` or `ThreadDied`. */
  readonly loaded: Promise<number>;
  private readonly worker: Worker;
  private readonly exited: Promise<void>;
  private loading: Waiting<number> | undefined;
  private running: Waiting<Float32Array[]> | undefined;
  private fault: Error | undefined;

  /** @param entry the thread's own module; another one is for tests of a thread that dies */
  constructor(
    private readonly model: string,
    files: ModelFiles,
    entry: URL = entryPoint(import.meta.url, '../../program/embedding-thread.js'),
  ) {
    this.loaded = new Promise((resolve, reject) => (this.loading = { resolve, reject }));
    // Whoever waits for it sees the rejection; nobody may be waiting when a thread dies while it is closed.
    this.loaded.catch(() => undefined);
    // Flags of this process are not for it: a test runner's would have it load what only the runner has.
    this.worker = new Worker(entry, { workerData: files, execArgv: [] });
    this.worker.on('message', (reply: ThreadReply) => this.receive(reply));
    this.worker.on('error', (error) => (this.fault ??= new ThreadDied(messageOf(error))));
    this.exited = new Promise((resolve) => {
      this.worker.once('exit', (code) => {
        this.end(new ThreadDied(`the embedding thread ended with code ${code}`));
        resolve();
      });
    });
  }

  /** Raises `ThreadDied`, or an error that says what is wrong with the texts or the model. */
  async run(texts: string[]): Promise<Float32Array[]> {
    // Only while it works does the thread keep the process from ending.
    this.worker.ref();
    try {
      await this.loaded;
      if (this.fault !== undefined) throw this.fault;
      return await new Promise((resolve, reject) => {
        this.running = { resolve, reject };
        this.post({ kind: 'embed', texts });
      });
    } finally {
      this.worker.unref();
    }
  }

  /** Lets the thread end by itself, so that the native part is released in order. */
  async close(): Promise<void> {
    this.post({ kind: 'close' });
    const timer = setTimeout(() => void this.worker.terminate(), CLOSE_MS);
    await this.exited;
    clearTimeout(timer);
  }

  private post(request: ThreadRequest): void {
    this.worker.postMessage(request);
  }

  private receive(reply: ThreadReply): void {
    switch (reply.kind) {
      case 'loaded':
        return this.loading?.resolve(reply.milliseconds);
      case 'unloadable':
        return this.end(modelUnavailable(this.model, reply.fault));
      case 'vectors':
        return this.running?.resolve(reply.vectors);
      case 'failed':
        return this.running?.reject(new Error(reply.fault));
    }
  }

  /** The first fault counts: an uncaught error says more than the exit that follows. */
  private end(fault: Error): void {
    this.fault ??= fault;
    this.loading?.reject(this.fault);
    this.running?.reject(this.fault);
  }
}
