import { Best } from '../best.js';
import type { CatalogDatabase } from './database.js';
import { matchOf } from './text-index.js';
import { TextLengths } from './text-lengths.js';

/** FTS5's own constants, and the least that a match of a word counts which more than half of all texts have. Source: https://sqlite.org/fts5.html#the_bm25_function */
const K1 = 1.2;
const B = 0.75;
const LEAST_RARITY = 1e-6;

/** Of such letters FTS5 makes one word of the index, which is the term in lower case. Others it folds, or looks for as a phrase. */
const PLAIN = /^[a-z0-9]+$/i;

/** The lists of texts by word, which FTS5 shows as a table to whoever has a connection. Source: https://sqlite.org/fts5.html#the_fts5vocab_virtual_table_module */
const WORDS =
  'CREATE VIRTUAL TABLE IF NOT EXISTS temp.memory_words USING fts5vocab (main, memory_text, instance)';

export interface RankedText {
  pid: number;
  /** BM25, the greater the better. */
  score: number;
}

/**
 * BM25 over the lists of the text index, for the terms that are plain words. FTS5's own function costs a microsecond for each text that matches, and
 * common words have thousands: most of what a search by words took. This reads the lists as they are, and has what else it needs in memory.
 */
class WordRanking {
  readonly #lengths = new TextLengths();
  /** By placement, zero but while a query is ranked. */
  #scores = new Float64Array(0);

  constructor(private readonly db: CatalogDatabase) {
    db.execute(WORDS);
  }

  /** Within the connection's transaction. The terms are distinct. */
  rank(terms: readonly string[]): Ranking {
    this.#lengths.follow(this.db);
    const pids: number[] = [];
    try {
      for (const term of terms) this.#add(term, pids);
      return new Ranking(
        pids,
        pids.map((pid) => this.#scores[pid] ?? 0),
      );
    } finally {
      // Also where the file could not be read: what is not zero counts as noted already.
      for (const pid of pids) this.#scores[pid] = 0;
    }
  }

  /** Adds what a term is worth to each text that has it; a text's first is noted. */
  #add(term: string, pids: number[]): void {
    const found = this.db.get<{ pids: string }>(
      'SELECT json_group_array(doc) AS pids FROM temp.memory_words WHERE term = $term',
      { term: term.toLowerCase() },
    );
    const occurrences = numbersOf(found?.pids ?? '[]');
    const { texts, average } = this.#lengths;
    this.#makeRoom(occurrences.at(-1) ?? 0);
    const having = countDistinct(occurrences);
    const without = Math.max(0, texts - having);
    const rarity = Math.max(LEAST_RARITY, Math.log((without + 0.5) / (having + 0.5)));
    for (let at = 0; at < occurrences.length;) {
      const pid = occurrences[at] ?? 0;
      let frequency = 0;
      for (; occurrences[at] === pid; at++) frequency++;
      const norm = K1 * (1 - B + (B * (this.#lengths.of(pid) || average)) / average);
      const before = this.#scores[pid] ?? 0;
      if (before === 0) pids.push(pid);
      this.#scores[pid] = before + (rarity * frequency * (K1 + 1)) / (frequency + norm);
    }
  }

  #makeRoom(pid: number): void {
    if (pid < this.#scores.length) return;
    const scores = new Float64Array(2 * pid);
    scores.set(this.#scores);
    this.#scores = scores;
  }
}

/** All texts that match, of which most are never looked at. */
export class Ranking {
  constructor(
    private readonly pids: readonly number[],
    private readonly scores: readonly number[],
  ) {}

  /** In lots, the best first: the first has so many, each other four times as many as the one before. */
  *lots(first: number): Generator<RankedText[]> {
    const best = new Best(Math.min(first, this.pids.length));
    this.scores.forEach((score, place) => {
      best.offer(place, score);
    });
    const places = best.items().map(({ item }) => item);
    yield this.#sorted(places);
    if (places.length === this.pids.length) return;
    const taken = new Set(places);
    const others = this.#sorted([...this.pids.keys()].filter((place) => !taken.has(place)));
    for (let from = 0, size = first * LOT_GROWTH; from < others.length; from += size, size *= LOT_GROWTH)
      yield others.slice(from, from + size);
  }

  #sorted(places: readonly number[]): RankedText[] {
    return places
      .map((place) => ({ pid: this.pids[place] ?? 0, score: this.scores[place] ?? 0 }))
      .sort((a, b) => b.score - a.score || a.pid - b.pid);
  }
}

const LOT_GROWTH = 4;

const rankings = new WeakMap<CatalogDatabase, WordRanking>();

/** To be called before the transaction of a `rankTexts`: one that is rolled back would take the connection's view of the index with it. */
export function prepareRanking(db: CatalogDatabase): void {
  if (!rankings.has(db)) rankings.set(db, new WordRanking(db));
}

/** Texts with any of the terms, which are distinct; within the connection's transaction. FTS5 ranks what is not all plain words. */
export function rankTexts(db: CatalogDatabase, terms: readonly string[]): Ranking {
  const ranking = rankings.get(db);
  if (ranking === undefined || !terms.every((term) => PLAIN.test(term))) return rankByIndex(db, terms);
  return ranking.rank(terms);
}

function rankByIndex(db: CatalogDatabase, terms: readonly string[]): Ranking {
  const found = db.get<{ pids: string; scores: string }>(
    `SELECT json_group_array(rowid) AS pids, json_group_array(-rank) AS scores
     FROM memory_text WHERE memory_text MATCH $match`,
    { match: matchOf(terms, 'any') },
  );
  return new Ranking(numbersOf(found?.pids ?? '[]'), numbersOf(found?.scores ?? '[]'));
}

function numbersOf(json: string): number[] {
  return JSON.parse(json) as number[];
}

/** Of a list in order. */
function countDistinct(sorted: readonly number[]): number {
  let count = 0;
  for (let at = 0; at < sorted.length; at++) if (sorted[at] !== sorted[at - 1]) count++;
  return count;
}
