import { pictographsOf, wordsOf } from '../memory/index.js';

const TERM_START = /^[\p{L}\p{N}\p{Co}]/u;

/** Each term costs a pass over the text of every cold row; more than these hardly change which rows come first. */
export const MAX_TERMS = 64;

/** The words of most English texts: they say nothing about which text is meant. */
const STOP_WORDS = new Set(
  (
    'a about an and are as at be been but by can did do does for from had has have how i if in into is it its me my ' +
    'no not of on or our so that the their them then there these they this to was we were what when where which ' +
    'who why will with would you your'
  ).split(' '),
);

/**
 * The words of any text to search for, in lower case and each once. English stop words stay only where there is nothing
 * else, and pictographs only where there is no word. Of more than 64 the longest stay: long words are rare ones (Zipf's law of
 * abbreviation), and rare ones tell texts apart.
 *
 * Accents stay too: the text index and the cold scan each remove them in their own way, from query and text alike.
 */
export function searchTerms(text: string): string[] {
  const plain = text.normalize('NFC').toLowerCase();
  const words = wordsOf(plain);
  const terms = new Map<string, string>();
  for (const term of new Set(words.length > 0 ? words : pictographsOf(plain))) {
    const folded = foldText(term);
    if (!terms.has(folded)) terms.set(folded, term);
  }
  const all = [...terms.values()];
  const telling = all.filter((term) => !STOP_WORDS.has(term));
  const kept = telling.length > 0 ? telling : all;
  return kept.length <= MAX_TERMS ? kept : longest(kept);
}

/** In the order of the text, so that the same query is always the same list. */
function longest(terms: readonly string[]): string[] {
  const ranked = terms.map((term, place) => ({ term, place, length: [...term].length }));
  ranked.sort((a, b) => b.length - a.length || a.place - b.place);
  return ranked
    .slice(0, MAX_TERMS)
    .sort((a, b) => a.place - b.place)
    .map(({ term }) => term);
}

/**
 * Lower case, without the accents of Latin letters: what FTS5's `remove_diacritics 2` compares. Other scripts keep their
 * marks, which make other letters there.
 */
export function foldText(text: string): string {
  const lower = text.toLowerCase();
  if (isAscii(lower)) return lower;
  return lower
    .normalize('NFD')
    .replaceAll(/(\p{Script=Latin})\p{Mn}+/gu, '$1')
    .normalize('NFC');
}

function isAscii(text: string): boolean {
  return !/[^\p{ASCII}]/u.test(text);
}

/** Whether a word begins or goes on at this place of a text. */
export function isTermCharacter(text: string, at: number): boolean {
  const point = text.codePointAt(at);
  return point !== undefined && TERM_START.test(String.fromCodePoint(point));
}
