/**
 * An answer of a thread as the JSON text that SQLite makes of its rows. One text goes from thread to thread for a tenth of what a hundred
 * objects take, which would be made of columns, copied, and made once more.
 */
export class AsJson<T> {
  /** Of a `T`: the caller's reading of its own SQL, as it is of rows. */
  declare readonly type: T;

  constructor(readonly text: string) {}
}

/** What `AsJson` of a method's answer is to who asked for it. */
export type Read<Answer> = Answer extends AsJson<infer T> ? T : Answer;

/** Also of what came from a thread, which is such an object without its class. */
export function readJson<T>({ text }: AsJson<T>): T {
  return JSON.parse(text) as T;
}

/** The elements of all lists. */
export function joined<T>(...lists: AsJson<T[]>[]): AsJson<T[]> {
  const parts = lists.map(({ text }) => text.slice(1, -1)).filter((part) => part !== '');
  return new AsJson(`[${parts.join(',')}]`);
}
