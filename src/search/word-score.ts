import { setImmediate } from 'node:timers/promises';
import { openEnds } from '../memory/index.js';
import { foldText, isTermCharacter } from './terms.js';

/** BM25's usual constants (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009), and FTS5's. */
const K1 = 1.2;
const B = 0.75;

/** BM25 saturates: beyond so many occurrences the score no longer moves, and counting on would read long texts in vain. */
const MAX_OCCURRENCES = 8;

/** What a term inside a longer word is worth (`key` in `keys`): the cold tier finds those, the text index does not. */
const INSIDE_WORD = 0.5;

/** Characters times terms looked at before other work gets its turn on this thread: some 5 ms. */
const TURN = 20_000_000;

export interface WordScore {
  /** BM25; 0 without any match. */
  score: number;
  /** The share of the terms that the text holds, each weighted by its rarity: 1 where it holds all of them. */
  coverage: number;
}

/**
 * How well each text matches the terms, with these texts as the collection.
 *
 * The tiers' own scores cannot be compared: each comes from another collection, and the cold tier's from another formula. These
 * can, since they come from the texts alone. Their word frequencies are those of the candidates, not of the store, which is
 * what tells candidates apart.
 */
export async function scoreWords(
  terms: readonly string[],
  texts: readonly string[],
): Promise<readonly WordScore[]> {
  const folded = terms.map(foldTerm);
  const counts: number[][] = [];
  let work = 0;
  for (const text of texts) {
    const body = foldText(text);
    counts.push(folded.map((term) => countOccurrences(body, term)));
    work += body.length * folded.length;
    if (work > TURN) {
      work = 0;
      await setImmediate();
    }
  }
  const weights = folded.map((_, i) =>
    rarity(counts.filter((row) => (row[i] ?? 0) > 0).length, texts.length),
  );
  const typical = median(texts.map((text) => text.length));
  return counts.map((row, i) => ({
    score: bm25(row, weights, (texts[i]?.length ?? 0) / typical),
    coverage: coverageOf(row, weights),
  }));
}

function coverageOf(frequencies: readonly number[], weights: readonly number[]): number {
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const held = weights.reduce((sum, weight, i) => sum + weight * Math.min(1, frequencies[i] ?? 0), 0);
  return all === 0 ? 0 : held / all;
}

function bm25(frequencies: readonly number[], weights: readonly number[], relativeLength: number): number {
  const norm = K1 * (1 - B + B * relativeLength);
  return frequencies.reduce(
    (sum, frequency, i) => sum + ((weights[i] ?? 0) * frequency * (K1 + 1)) / (frequency + norm),
    0,
  );
}

function rarity(having: number, all: number): number {
  return Math.log(1 + (all - having + 0.5) / (having + 0.5));
}

/** In place of BM25's average length, which a single text of 300,000 characters would set for all. */
function median(lengths: readonly number[]): number {
  return Math.max(1, lengths.toSorted((a, b) => a - b)[Math.floor(lengths.length / 2)] ?? 1);
}

/** A term to be found in texts of `foldText`. */
export interface FoldedTerm {
  text: string;
  /** Whether the characters before or behind it never make it a part of another word. */
  open: { before: boolean; behind: boolean };
}

export function foldTerm(term: string): FoldedTerm {
  return { text: foldText(term), open: openEnds(term) };
}

/** Where a term stands in a folded text, and whether as a word of its own. */
export function* occurrences(text: string, term: FoldedTerm): Generator<{ at: number; whole: boolean }> {
  for (let at = text.indexOf(term.text); at !== -1; at = text.indexOf(term.text, at + term.text.length))
    yield { at, whole: isWholeWord(text, at, term) };
}

function countOccurrences(text: string, term: FoldedTerm): number {
  let count = 0;
  let inside = false;
  for (const { whole } of occurrences(text, term)) {
    if (whole) count++;
    else inside = true;
    if (count === MAX_OCCURRENCES) break;
  }
  return count === 0 && inside ? INSIDE_WORD : count;
}

function isWholeWord(text: string, at: number, { text: word, open }: FoldedTerm): boolean {
  return (
    (open.before || !isTermCharacter(text, previousCharacter(text, at))) &&
    (open.behind || !isTermCharacter(text, at + word.length))
  );
}

/** Where the character before a place begins: one unit before it, or two for a pair of surrogates. */
function previousCharacter(text: string, at: number): number {
  const pair = text.codePointAt(at - 2);
  return pair !== undefined && pair > 0xffff ? at - 2 : at - 1;
}
