/**
 * Vectors of the last queries asked. The same query comes again with every page, filter and refresh of a dashboard, and a
 * kept vector saves it the queue behind an ingest's batches. 1,000 of them take 1.5 MB.
 */
const CAPACITY = 1000;

/**
 * Least recently used out first: a Map keeps the order in which its keys were set. Vectors are copied on their way in and
 * out, so that what a caller does to its own does not change the next caller's.
 */
export class QueryCache {
  private readonly vectors = new Map<string, Float32Array>();

  constructor(private readonly capacity = CAPACITY) {}

  get(query: string): Float32Array | undefined {
    const vector = this.vectors.get(query);
    if (vector !== undefined) this.keep(query, vector);
    return vector?.slice();
  }

  set(query: string, vector: Float32Array): void {
    this.keep(query, vector.slice());
    const [oldest] = this.vectors.keys();
    if (this.vectors.size > this.capacity && oldest !== undefined) this.vectors.delete(oldest);
  }

  private keep(query: string, vector: Float32Array): void {
    this.vectors.delete(query);
    this.vectors.set(query, vector);
  }
}
