import { FoldedText } from './folded-text.js';
import { foldTerm, occurrences } from './word-score.js';

/** A part of a memory's text, as it stands there. Nothing is escaped: whoever shows it as markup does that. */
export interface Snippet {
  text: string;
  /** Where words of the query stand in it, from and to before, in UTF-16 units; in order, none within another. */
  marks: [from: number, to: number][];
  /** Whether the text goes on before and behind it. */
  cutBefore: boolean;
  cutBehind: boolean;
}

/** About two lines of a page: enough to see what a match is about. */
export const SNIPPET_LENGTH = 240;

/** Of longer texts the beginning is looked at: to fold more of them takes longer than the search did. */
const MOST_READ = 200_000;

/** Of each word; a part with many different words is better than one with a word many times. */
const MOST_OCCURRENCES = 64;

/** A part begins and ends between words where there is a space so near. */
const WORD_REACH = 20;

interface Hit {
  term: number;
  from: number;
  to: number;
}

/** The part of a text with most of the words, the first of several; without any its beginning. */
export function snippetOf(content: string, terms: readonly string[]): Snippet {
  const text = content.slice(0, MOST_READ);
  const folded = new FoldedText(text);
  const found = findHits(folded.text, terms);
  const window = bestWindow(found);
  const best = placed(window, folded);
  const first = best[0]?.from ?? 0;
  const last = best.reduce((end, { to }) => Math.max(end, to), first);
  // A third of what is left before the words: what follows them tells more.
  const lead = best.length === 0 ? 0 : Math.floor(Math.max(0, SNIPPET_LENGTH - (last - first)) / 3);
  const from = startAt(text, Math.max(0, first - lead), first);
  const to = endAt(text, Math.min(text.length, from + SNIPPET_LENGTH), last);
  const inside = placed(around(found, window), folded).filter((hit) => hit.from >= from && hit.to <= to);
  return {
    text: text.slice(from, to),
    marks: joined(inside).map(([start, end]) => [start - from, end - from]),
    cutBefore: from > 0,
    cutBehind: to < content.length,
  };
}

/** In the folded text. */
function findHits(folded: string, terms: readonly string[]): Hit[] {
  const hits: Hit[] = [];
  terms.map(foldTerm).forEach((term, n) => {
    const found: (Hit & { whole: boolean })[] = [];
    for (const { at, whole } of occurrences(folded, term)) {
      found.push({ term: n, whole, from: at, to: at + term.text.length });
      if (found.length === MOST_OCCURRENCES) break;
    }
    const whole = found.filter((hit) => hit.whole);
    hits.push(...(whole.length > 0 ? whole : found));
  });
  return hits.sort((a, b) => a.from - b.from || b.to - a.to);
}

/** Those that may stand in the part that is shown: where in the text is asked for them alone. */
function around(hits: readonly Hit[], window: readonly Hit[]): readonly Hit[] {
  const [from, to] = [window[0]?.from ?? 0, window.at(-1)?.to ?? 0];
  return hits.filter((hit) => hit.from >= from - SNIPPET_LENGTH && hit.to <= to + SNIPPET_LENGTH);
}

/** The same in the text. */
function placed(hits: readonly Hit[], folded: FoldedText): readonly Hit[] {
  return hits.map(({ term, from, to }) => ({ term, from: folded.from(from), to: folded.to(to - 1) }));
}

/** The hits within one length that have most different terms, then most hits. */
function bestWindow(hits: readonly Hit[]): readonly Hit[] {
  let best: readonly Hit[] = [];
  let bestScore = 0;
  hits.forEach((first, i) => {
    let end = i;
    while ((hits[end]?.to ?? Infinity) - first.from <= SNIPPET_LENGTH) end++;
    const window = hits.slice(i, Math.max(end, i + 1));
    const score = new Set(window.map(({ term }) => term)).size * hits.length + window.length;
    if (score > bestScore) [best, bestScore] = [window, score];
  });
  return best;
}

function joined(hits: readonly Hit[]): [number, number][] {
  const marks: [number, number][] = [];
  for (const { from, to } of hits) {
    const last = marks.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else marks.push([from, to]);
  }
  return marks;
}

function startAt(text: string, at: number, most: number): number {
  if (at === 0) return 0;
  const reach = Math.min(most, at + WORD_REACH);
  for (let i = at; i < reach; i++) if (/\s/u.test(text.charAt(i))) return i + 1;
  return isSecondHalf(text, at) ? at + 1 : at;
}

function endAt(text: string, at: number, least: number): number {
  if (at >= text.length) return text.length;
  for (let i = at; i > Math.max(least, at - WORD_REACH); i--) if (/\s/u.test(text.charAt(i))) return i;
  return isSecondHalf(text, at) ? at - 1 : at;
}

/** Of a pair of surrogates, which must not be cut apart. */
function isSecondHalf(text: string, at: number): boolean {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff;
}
