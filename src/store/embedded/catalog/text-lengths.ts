import type { CatalogDatabase } from './database.js';
import { lastChange } from './index-feed.js';

/** Placements read in one statement: some milliseconds. */
const WINDOW = 20_000;

/** Two bytes each: a text of more words is as long as can be to BM25, which goes by the ratio to the average. */
const MOST_WORDS = 65_535;

interface LengthRow {
  pid: number;
  /** What FTS5 keeps of a text: the number of its words, in hexadecimal; null where the index has none. */
  size: string | null;
}

/**
 * How many words each text of the text index has, by placement, in memory: BM25 needs that of every match, and to look one up in the index costs as much as to
 * read ten matches. It follows the list of changes.
 */
export class TextLengths {
  #words = new Uint16Array(0);
  #texts = 0;
  #sum = 0;
  #seq: number | undefined;

  get texts(): number {
    return this.#texts;
  }

  get average(): number {
    return this.#texts === 0 ? 1 : this.#sum / this.#texts;
  }

  /** 0 where the index has no such text. */
  of(pid: number): number {
    return this.#words[pid] ?? 0;
  }

  /** As of the state that the connection reads; within its transaction. */
  follow(db: CatalogDatabase): void {
    const seq = lastChange(db);
    if (seq === this.#seq) return;
    if (this.#seq === undefined || isTrimmed(db, this.#seq)) this.#readAll(db);
    else this.#readChanged(db, this.#seq);
    this.#seq = seq;
  }

  #readAll(db: CatalogDatabase): void {
    this.#words.fill(0);
    this.#texts = 0;
    this.#sum = 0;
    const last = db.number('SELECT max(id) FROM memory_text_docsize');
    for (let after = 0; after < last; after += WINDOW) {
      this.#keep(
        db.all<LengthRow>(
          'SELECT id AS pid, hex(sz) AS size FROM memory_text_docsize WHERE id > $after AND id <= $until',
          { after, until: after + WINDOW },
        ),
      );
    }
  }

  /** What moved from hot to warm keeps its text, and is most of what a transition lists: it is looked up only where it came back from cold. */
  #readChanged(db: CatalogDatabase, since: number): void {
    const moved = `FROM changes m CROSS JOIN placements p ON p.pid = m.pid WHERE m.seq > $since AND m.what = 'moved'`;
    this.#keep(
      db.all<LengthRow>(
        `SELECT c.pid, hex(d.sz) AS size FROM (SELECT pid FROM changes WHERE seq > $since AND what <> 'moved'
           UNION SELECT p.pid ${moved} AND p.tier <> 'warm') c
         LEFT JOIN memory_text_docsize d ON d.id = c.pid`,
        { since },
      ),
    );
    const warm = db.get<{ pids: string }>(
      `SELECT json_group_array(p.pid) AS pids ${moved} AND p.tier = 'warm'`,
      {
        since,
      },
    );
    const unknown = (JSON.parse(warm?.pids ?? '[]') as number[]).filter((pid) => this.of(pid) === 0);
    if (unknown.length === 0) return;
    this.#keep(
      db.all<LengthRow>(
        `SELECT j.value AS pid, hex(d.sz) AS size FROM json_each($unknown) j LEFT JOIN memory_text_docsize d ON d.id = j.value`,
        { unknown: JSON.stringify(unknown) },
      ),
    );
  }

  #keep(rows: readonly LengthRow[]): void {
    for (const { pid, size } of rows) {
      if (pid >= this.#words.length) this.#grow(pid);
      const before = this.of(pid);
      const words = Math.min(MOST_WORDS, varintOf(size ?? ''));
      this.#texts += Number(words > 0) - Number(before > 0);
      this.#sum += words - before;
      this.#words[pid] = words;
    }
  }

  #grow(pid: number): void {
    const words = new Uint16Array(Math.max(WINDOW, 2 * pid));
    words.set(this.#words);
    this.#words = words;
  }
}

/** Whether changes behind that one are not listed any more: their numbers have no gaps. */
function isTrimmed(db: CatalogDatabase, since: number): boolean {
  return db.number('SELECT count(*) FROM changes WHERE seq = $next', { next: since + 1 }) === 0;
}

/** A number as SQLite's files hold it, seven bits a byte, the first the highest. Source: https://sqlite.org/fileformat2.html#varint */
function varintOf(hex: string): number {
  let value = 0;
  for (let at = 0; at < hex.length; at += 2)
    value = value * 128 + (parseInt(hex.slice(at, at + 2), 16) & 0x7f);
  return value;
}
