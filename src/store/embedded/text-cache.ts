import type { FetchedRow } from './tiers/searching.js';

/** What an entry takes beside its characters: the row, its hash, its list of tags and its place in the map. */
const ENTRY_BYTES = 300;

/** Of a string of anything beyond Latin-1; of others it takes half of that. */
const BYTES_PER_CHARACTER = 2;

/** A text above this share of the cache would push out a thousand common ones for a single result. */
const LARGEST_SHARE = 1 / 64;

/**
 * Texts and tags that searches have read, by row id. A row never changes and its id is never used again, so that what is here is right for as
 * long as a placement names it; which row a placement names is asked each time. The least recently used go first.
 */
export class TextCache {
  readonly #rows = new Map<number, FetchedRow>();
  #bytes = 0;
  #cleared = 0;

  constructor(private readonly maxBytes: number) {}

  get(rowId: number): FetchedRow | undefined {
    const row = this.#rows.get(rowId);
    if (row === undefined) return undefined;
    this.#rows.delete(rowId);
    this.#rows.set(rowId, row);
    return row;
  }

  /** To be asked before rows are read which are to be kept: what was read before all of it was forgotten is not kept after. */
  opening(): (rows: readonly FetchedRow[]) => void {
    const cleared = this.#cleared;
    return (rows) => {
      if (cleared !== this.#cleared) return;
      for (const row of rows) this.#keep(row);
    };
  }

  /** All of them: what is forgotten must not be here, and searches read again what they need. */
  clear(): void {
    this.#cleared++;
    this.#rows.clear();
    this.#bytes = 0;
  }

  #keep(row: FetchedRow): void {
    const bytes = bytesOf(row);
    if (this.#rows.has(row.rowId) || bytes > this.maxBytes * LARGEST_SHARE) return;
    this.#rows.set(row.rowId, row);
    this.#bytes += bytes;
    for (const [oldest, old] of this.#rows) {
      if (this.#bytes <= this.maxBytes) return;
      this.#rows.delete(oldest);
      this.#bytes -= bytesOf(old);
    }
  }
}

function bytesOf({ content, tags }: FetchedRow): number {
  const characters = tags.reduce((sum, tag) => sum + tag.length, content.length);
  return ENTRY_BYTES + characters * BYTES_PER_CHARACTER;
}
