import { AkoshaError } from '../../contract/index.js';

/**
 * One run of the model at most: what a query may have to wait behind. Padded to the longest text of the run, 512 tokens take
 * about 0.1 to 0.25 s on one core. Larger runs are no faster: the cost of a token hardly depends on its company.
 */
const RUN_TOKENS = 512;
const RUN_TEXTS = 32;

/** Texts of one request that go through the model together. */
export interface Run {
  request: EmbeddingRequest;
  /** Their places in the request. */
  places: number[];
  texts: string[];
  /** How often the thread died over it. */
  deaths: number;
}

/** Texts on their way to vectors: settles when the last run is back, fails with the first that fails. */
export class EmbeddingRequest {
  readonly vectors: Promise<Float32Array[]>;
  settled = false;
  private readonly results = new Map<number, Float32Array>();
  private resolve: (vectors: Float32Array[]) => void = () => undefined;
  private reject: (error: Error) => void = () => undefined;

  constructor(
    private readonly texts: readonly string[],
    private readonly signal: AbortSignal | undefined,
  ) {
    this.vectors = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.signal?.addEventListener('abort', this.abort);
    if (this.signal?.aborted === true) this.abort();
    else if (texts.length === 0) this.settle(() => this.resolve([]));
  }

  /** Its texts in runs, those of like length together: a short text padded to a long one costs as much as the long one. */
  runs(): Run[] {
    const places = this.texts.map((_, place) => place).sort((a, b) => this.size(a) - this.size(b));
    const runs: Run[] = [];
    let current: Run | undefined;
    for (const place of places) {
      const count = (current?.places.length ?? 0) + 1;
      if (current === undefined || count > RUN_TEXTS || count * this.size(place) > RUN_TOKENS) {
        current = { request: this, places: [], texts: [], deaths: 0 };
        runs.push(current);
      }
      current.places.push(place);
      current.texts.push(this.texts[place] ?? '');
    }
    return runs;
  }

  succeed(run: Run, vectors: readonly Float32Array[]): void {
    run.places.forEach((place, i) => {
      const vector = vectors[i];
      if (vector !== undefined) this.results.set(place, vector);
    });
    if (this.results.size < this.texts.length) return;
    const inOrder = [...this.results].sort(([a], [b]) => a - b).map(([, vector]) => vector);
    this.settle(() => this.resolve(inOrder));
  }

  fail(error: Error): void {
    this.settle(() => this.reject(error));
  }

  /** Tokens of a text, roughly: three letters each, up to the model's window. */
  private size(place: number): number {
    return Math.min(256, Math.ceil((this.texts[place]?.length ?? 0) / 3) + 2);
  }

  private readonly abort = (): void => {
    this.fail(new AkoshaError('Cancelled', 'the embedding was given up by its caller'));
  };

  private settle(how: () => void): void {
    if (this.settled) return;
    this.settled = true;
    this.signal?.removeEventListener('abort', this.abort);
    how();
  }
}
