/**
 * A whole memory is a fair query ("what else is like this?"), and the longest that hosts were seen to have holds 300,000
 * characters. Beyond that a text only costs: taking its words blocks the thread that serves HTTP for 10 ms per 100,000 characters,
 * and of the words 64 count, of the text 256 word pieces.
 */
export const MAX_QUERY_CHARACTERS = 400_000;

/**
 * `relevance`: the best first, by meaning and by words. `time`: all that hold every word of the query, the newest first.
 */
export const SEARCH_SORTS = ['relevance', 'time'] as const;
export type SearchSort = (typeof SEARCH_SORTS)[number];

/** The rule that a search's text breaks, without its subject ("must …"); undefined where it is fine. The same for every way in. */
export function brokenQueryRule(text: string): string | undefined {
  if (text.trim() === '') return 'must not be blank: it needs a character that is no white space';
  if (text.length > MAX_QUERY_CHARACTERS)
    return `must not exceed ${MAX_QUERY_CHARACTERS} characters (MAX_QUERY_CHARACTERS), and has ${text.length}`;
  return undefined;
}
