import type { FetchedRow } from './tiers/searching.js';

/** What an entry takes beside its characters: the row, its hash, its list of tags and its place in the map. */
const ENTRY_BYTES = 300;

/** V8 keeps a string of Latin-1 alone in half of what others take. */
const BEYOND_LATIN_1 = /[\u0100-\uffff]/;

/** A text above this share of the cache would push out a thousand common ones for a single result. */
const LARGEST_SHARE = 1 / 64;

interface Entry {
  row: FetchedRow;
  /** Whether it was asked for since it came, or since it was last spared. */
  used: boolean;
}

/**
 * Texts and tags that searches have read, by row id. A row never changes and its id is never used again, so that what is here is right for as
 * long as a placement names it; which row a placement names is asked each time. The oldest go first, but one that was used since is spared once (the second chance, or
 * clock, algorithm): a search looks for a hundred of them, and to put each at the end of so large a map would cost more than to find it.
 */
export class TextCache {
  readonly #entries = new Map<number, Entry>();
  #bytes = 0;
  #cleared = 0;

  constructor(private readonly maxBytes: number) {}

  get(rowId: number): FetchedRow | undefined {
    const entry = this.#entries.get(rowId);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.row;
  }

  /** To be asked before rows are read which are to be kept: what was read before all of it was forgotten is not kept after. */
  opening(): (rows: readonly FetchedRow[]) => void {
    const cleared = this.#cleared;
    return (rows) => {
      if (cleared !== this.#cleared) return;
      for (const row of rows) this.#keep(row);
    };
  }

  /** As `opening`, of rows that no search asked for: they push out none. Answers whether there is room for more; none is once all was forgotten. */
  warming(): (rows: readonly FetchedRow[]) => boolean {
    const cleared = this.#cleared;
    return (rows) => {
      for (const row of rows) {
        if (cleared !== this.#cleared || this.#bytes + bytesOf(row) > this.maxBytes) return false;
        this.#keep(row);
      }
      return cleared === this.#cleared && this.maxBytes > 0;
    };
  }

  /** A row was moved, and read back: what is here of it is right for its copy too. */
  follow(from: number, to: number): void {
    const entry = this.#entries.get(from);
    if (entry === undefined) return;
    this.#entries.delete(from);
    if (this.#entries.has(to)) this.#bytes -= bytesOf(entry.row);
    else this.#entries.set(to, { ...entry, row: { ...entry.row, rowId: to } });
  }

  /** All of them: what is forgotten must not be here, and searches read again what they need. */
  clear(): void {
    this.#cleared++;
    this.#entries.clear();
    this.#bytes = 0;
  }

  #keep(row: FetchedRow): void {
    const bytes = bytesOf(row);
    if (this.#entries.has(row.rowId) || bytes > this.maxBytes * LARGEST_SHARE) return;
    this.#entries.set(row.rowId, { row, used: false });
    this.#bytes += bytes;
    this.#makeRoom();
  }

  /** It ends: who is spared is not used, and goes when its turn comes again. */
  #makeRoom(): void {
    for (const [rowId, entry] of this.#entries) {
      if (this.#bytes <= this.maxBytes) return;
      this.#entries.delete(rowId);
      if (entry.used) this.#entries.set(rowId, { ...entry, used: false });
      else this.#bytes -= bytesOf(entry.row);
    }
  }
}

function bytesOf({ content, tags }: FetchedRow): number {
  return tags.reduce((sum, tag) => sum + bytesOfText(tag), ENTRY_BYTES + bytesOfText(content));
}

function bytesOfText(text: string): number {
  return BEYOND_LATIN_1.test(text) ? 2 * text.length : text.length;
}
