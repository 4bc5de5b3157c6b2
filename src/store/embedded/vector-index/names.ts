/** Numbers for the few names that many rows share. 0 is none. */
export class Names {
  readonly #numbers = new Map<string, number>();

  constructor(names: readonly string[] = []) {
    for (const name of names) this.numberOf(name);
  }

  /** In order of their numbers, from 1 on. Instead of one that no row has any more there is one that none ever has: its number stays taken. */
  of(used: ReadonlySet<number>): string[] {
    return [...this.#numbers].map(([name, number]) => (used.has(number) ? name : `\0${number}`));
  }

  /** A new one gets the next number. */
  numberOf(name: string | null): number {
    if (name === null) return 0;
    const known = this.#numbers.get(name) ?? this.#numbers.size + 1;
    this.#numbers.set(name, known);
    return known;
  }

  find(name: string): number | undefined {
    return this.#numbers.get(name);
  }
}
