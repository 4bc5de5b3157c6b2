import { AkoshaError, messageOf } from '../../contract/index.js';
import { modelFiles, modelUnavailable } from './model-files.js';
import { QueryCache } from './query-cache.js';
import { EmbeddingRequest, type Run } from './requests.js';
import { EmbeddingThread, ThreadDied } from './thread.js';

/** Turns texts into vectors of length 1, so that their dot product is the cosine of their meanings. */
export interface Embedder {
  readonly model: string;
  /**
   * One vector of 384 for each text, in their order. What is beyond 256 word pieces of a text does not count; an empty text
   * has a vector too. For stored texts: queries go first.
   *
   * Raises `ModelUnavailable` where the model cannot be loaded or dies over a text twice, `Cancelled` on the signal.
   */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
  /** The vector of one query: ahead of every waiting text, and from memory where it was asked before. */
  embedQuery(text: string, signal?: AbortSignal): Promise<Float32Array>;
  /** Gives up what is waiting and ends the thread. */
  close(): Promise<void>;
}

export interface EmbedderOptions {
  /** Its name. */
  model: string;
  /** Of `model.onnx` and `tokenizer.json`. */
  directory: string;
  /** Called with the milliseconds that loading the model took: once, and again where its thread was replaced. */
  onLoad?: (milliseconds: number) => void;
}

/** Checks that the model's files are there, or raises `ModelUnavailable`. They are loaded by the first text. */
export async function openEmbedder({ model, directory, onLoad }: EmbedderOptions): Promise<Embedder> {
  const files = await modelFiles(model, directory);
  return new QueuedEmbedder(model, () => new EmbeddingThread(model, files), onLoad);
}

/** Feeds one thread, run by run, so that a query never waits for more than the run under way. */
export class QueuedEmbedder implements Embedder {
  private readonly queries: Run[] = [];
  private readonly batches: Run[] = [];
  private readonly cache = new QueryCache();
  private thread: EmbeddingThread | undefined;
  private pumping = false;
  private current: Run | undefined;
  private closed = false;

  constructor(
    readonly model: string,
    private readonly startThread: () => EmbeddingThread,
    private readonly onLoad: (milliseconds: number) => void = () => undefined,
  ) {}

  embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]> {
    return this.enqueue(texts, this.batches, signal);
  }

  async embedQuery(text: string, signal?: AbortSignal): Promise<Float32Array> {
    const known = this.cache.get(text);
    if (known !== undefined) return known;
    const [vector] = await this.enqueue([text], this.queries, signal);
    if (vector === undefined) throw new Error('the embedding thread gave no vector for a query');
    this.cache.set(text, vector);
    return vector;
  }

  async close(): Promise<void> {
    this.closed = true;
    const waiting = [...this.queries.splice(0), ...this.batches.splice(0)];
    if (this.current !== undefined) waiting.push(this.current);
    for (const { request } of waiting) request.fail(closedError());
    await this.thread?.close();
  }

  private async enqueue(
    texts: readonly string[],
    queue: Run[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]> {
    if (this.closed) throw closedError();
    const request = new EmbeddingRequest(texts, signal);
    if (!request.settled) queue.push(...request.runs());
    void this.pump();
    return request.vectors;
  }

  /** One loop for all requests: it ends when nothing waits and is started again by the next request. */
  private async pump(): Promise<void> {
    if (this.pumping) return;
    this.pumping = true;
    for (let run = this.next(); run !== undefined; run = this.next()) {
      this.current = run;
      await this.execute(run);
    }
    this.current = undefined;
    this.pumping = false;
  }

  private next(): Run | undefined {
    for (;;) {
      const run = this.queries.shift() ?? this.batches.shift();
      // Of a request that was given up or has failed, nothing more is computed.
      if (run === undefined || !run.request.settled) return run;
    }
  }

  private async execute(run: Run): Promise<void> {
    try {
      run.request.succeed(run, await this.runningThread().run(run.texts));
    } catch (error) {
      if (error instanceof ThreadDied) this.afterDeath(run, error);
      else
        run.request.fail(
          error instanceof AkoshaError ? error : modelUnavailable(this.model, messageOf(error), error),
        );
    }
  }

  private runningThread(): EmbeddingThread {
    if (this.thread !== undefined) return this.thread;
    const thread = this.startThread();
    // A rejection reaches whoever runs a text on it.
    thread.loaded.then(this.onLoad, () => undefined);
    this.thread = thread;
    return thread;
  }

  /** A second try, on a new thread; a text over which that one dies too is not tried for ever. */
  private afterDeath(run: Run, error: ThreadDied): void {
    this.thread = undefined;
    run.deaths++;
    if (this.closed || run.deaths > 1)
      run.request.fail(modelUnavailable(this.model, `its thread died twice: ${error.message}`, error));
    else this.queries.unshift(run);
  }
}

function closedError(): AkoshaError {
  return new AkoshaError('Cancelled', 'the embedder is closed');
}
