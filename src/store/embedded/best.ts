/** The best of many scored things, in a heap whose root is the worst of them: each comparison with what is no good costs one look. */
export class Best {
  readonly #scores: number[] = [];
  readonly #items: number[] = [];

  constructor(private readonly limit: number) {}

  offer(item: number, score: number): void {
    if (this.#items.length < this.limit) {
      this.#scores.push(score);
      this.#items.push(item);
      this.#up(this.#items.length - 1);
    } else if (score > (this.#scores[0] ?? Infinity)) {
      this.#scores[0] = score;
      this.#items[0] = item;
      this.#down();
    }
  }

  /** In no order. */
  items(): { item: number; score: number }[] {
    return this.#items.map((item, i) => ({ item, score: this.#scores[i] ?? 0 }));
  }

  #up(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (this.#score(parent) <= this.#score(at)) return;
      this.#swap(parent, at);
      at = parent;
    }
  }

  #down(): void {
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.#items.length && this.#score(child) < this.#score(least)) least = child;
      if (least === at) return;
      this.#swap(least, at);
      at = least;
    }
  }

  #score(at: number): number {
    return this.#scores[at] ?? 0;
  }

  #swap(a: number, b: number): void {
    const [score, item] = [this.#score(a), this.#items[a] ?? 0];
    this.#scores[a] = this.#score(b);
    this.#items[a] = this.#items[b] ?? 0;
    this.#scores[b] = score;
    this.#items[b] = item;
  }
}
