/** Runs what concerns one thing one after the other, and what concerns different things at once. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Begins `work` when everything begun before on this key has ended, however that ended. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const turn = (async () => {
      await before?.catch(() => undefined);
      return work();
    })();
    this.#last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    }
  }
}
