/** Tells a put's caller how far it is, by what the sockets took, and its watch that something moves. */
export class PutProgress {
  readonly #onProgress: ((bytes: number) => void) | undefined;
  readonly #onMove: () => void;
  readonly #underWay = new Map<number, number>();
  readonly #there = new Set<number>();
  #bytesThere = 0;
  #told = -1;

  constructor(onProgress: ((bytes: number) => void) | undefined, onMove: () => void) {
    this.#onProgress = onProgress;
    this.#onMove = onMove;
  }

  /** Something moved that is no byte of the file. */
  moved(): void {
    this.#onMove();
  }

  /**
   * For the request of a part, to be told of its pieces. A request that is sent again tells them again, which must not show:
   * what was told stands until there is more.
   */
  ofPart(number: number, length: number): (bytes: number) => void {
    return (bytes) => {
      const sent = (this.#underWay.get(number) ?? 0) + bytes;
      if (!this.#there.has(number)) this.#underWay.set(number, Math.min(sent, length));
      this.#tell();
    };
  }

  /** The server has the part. */
  has(number: number, length: number): void {
    this.#underWay.delete(number);
    if (!this.#there.has(number)) this.#bytesThere += length;
    this.#there.add(number);
    this.#tell();
  }

  #tell(): void {
    this.#onMove();
    let bytes = this.#bytesThere;
    for (const sent of this.#underWay.values()) bytes += sent;
    if (bytes <= this.#told) return;
    this.#told = bytes;
    this.#onProgress?.(bytes);
  }
}
