/** So many at most: 8 MB. */
const KEPT = 5_000;

/**
 * Vectors of cold texts by the hash of the row that they were made of, in memory alone. They are as they are for good, so that only a forget
 * takes them away. The one used longest ago goes first.
 */
export class ColdVectors {
  readonly #byHash = new Map<string, Float32Array>();

  get(hash: string): Float32Array | undefined {
    const vector = this.#byHash.get(hash);
    if (vector === undefined) return undefined;
    this.keep(hash, vector);
    return vector;
  }

  keep(hash: string, vector: Float32Array): void {
    this.#byHash.delete(hash);
    this.#byHash.set(hash, vector);
    const [oldest] = this.#byHash.keys();
    if (this.#byHash.size > KEPT && oldest !== undefined) this.#byHash.delete(oldest);
  }

  /** All of them: a vector does not tell whose text it was, and the next searches make again what they need. */
  clear(): void {
    this.#byHash.clear();
  }
}
