/**
 * What the words of a text are, for the text index and for queries alike: both must cut texts at the same places.
 *
 * FTS5's tokenizer `unicode61` takes a run of letters for one word. Texts in the scripts below have no spaces between words (Hangul has,
 * with particles attached), so a run of them is cut into pairs of neighbouring characters, as search engines do that have no dictionary
 * (Lucene's `CJKBigramFilter` for one). It takes no pictograph for a word, so that those get names made of letters.
 */

const UNSPACED_SCRIPTS = [
  'Han',
  'Hiragana',
  'Katakana',
  'Hangul',
  'Bopomofo',
  'Yi',
  'Thai',
  'Lao',
  'Khmer',
  'Myanmar',
];

/** A character of these scripts with its marks. By extensions, so that the long vowel mark of kana is one; punctuation is none. */
const UNSPACED = `(?=[\\p{L}\\p{N}])[${UNSPACED_SCRIPTS.map((script) => `\\p{scx=${script}}`).join('')}]\\p{M}*`;

/** Flags are two characters each. What is joined to one picture counts as its parts. */
const PICTOGRAPH = '\\p{RI}{2}|\\p{Extended_Pictographic}';

/** FTS5 takes private-use characters for letters, and no host's text is likely to have this one before a number. */
const PICTOGRAPH_NAME = '\uE000';

const WORDS = new RegExp(`(?<run>(?:${UNSPACED})+)|(?:(?!${UNSPACED})[\\p{L}\\p{N}\\p{Co}]\\p{M}*)+`, 'gu');
/** Most texts are, and are found out ten times as fast. */
const NOT_ASCII = /[^\p{ASCII}]/u;
const NEEDS_CUTTING = new RegExp(`${UNSPACED}|${PICTOGRAPH}`, 'u');
const TO_CUT = new RegExp(`(?<run>(?:${UNSPACED})+)|(?<picture>${PICTOGRAPH})`, 'gu');
const CHARACTERS = new RegExp(UNSPACED, 'gu');
const STARTS_OPEN = new RegExp(`^(?:${UNSPACED}|${PICTOGRAPH})`, 'u');
const ENDS_OPEN = new RegExp(`(?:${UNSPACED}|${PICTOGRAPH})$`, 'u');
const ONE_CHARACTER = new RegExp(`^${UNSPACED}$`, 'u');
const PICTOGRAPHS = new RegExp(PICTOGRAPH, 'gu');

/**
 * The words of a text in their order, as they stand in it: runs without spaces as their pairs, or as their one character. A word begins
 * with a letter, a number or a private-use character, and a mark continues it; everything else separates.
 * Source: https://sqlite.org/fts5.html#unicode61_tokenizer
 */
export function wordsOf(text: string): string[] {
  return [...text.matchAll(WORDS)].flatMap((match) =>
    match.groups?.['run'] === undefined ? [match[0]] : pairs(match[0]),
  );
}

/** The pictographs of a text, flags whole. */
export function pictographsOf(text: string): string[] {
  return text.match(PICTOGRAPHS) ?? [];
}

/**
 * A text as the index takes it: the same words, cut where `wordsOf` cuts. A run ends with its last character once more, so that one character
 * can be looked for as the beginning of a word.
 */
export function indexedText(text: string): string {
  if (!NOT_ASCII.test(text) || !NEEDS_CUTTING.test(text)) return text;
  return text.normalize('NFC').replaceAll(TO_CUT, (found: string, ...rest: unknown[]) => {
    const run = rest[0] === undefined ? undefined : found;
    return run === undefined ? ` ${pictographName(found)} ` : ` ${[...pairs(run), lastOf(run)].join(' ')} `;
  });
}

/** What FTS5 is asked for to find a word of `wordsOf` or `pictographsOf`: quoted, so that no text of a user is read as its syntax. */
export function indexedTerm(word: string): string {
  if (pictographsOf(word)[0] === word) return `"${pictographName(word)}"`;
  const quoted = `"${word.replaceAll('"', '""')}"`;
  return ONE_CHARACTER.test(word) ? `${quoted}*` : quoted;
}

/** Whether what stands before a word, or behind it, does not make it a part of another. */
export function openEnds(word: string): { before: boolean; behind: boolean } {
  return { before: STARTS_OPEN.test(word), behind: ENDS_OPEN.test(word) };
}

function pairs(run: string): string[] {
  const characters = run.match(CHARACTERS) ?? [];
  if (characters.length === 1) return [run];
  return characters.slice(1).map((character, i) => `${characters[i]}${character}`);
}

function lastOf(run: string): string {
  return run.match(CHARACTERS)?.at(-1) ?? '';
}

function pictographName(picture: string): string {
  return PICTOGRAPH_NAME + [...picture].map((character) => character.codePointAt(0)?.toString(16)).join('');
}
