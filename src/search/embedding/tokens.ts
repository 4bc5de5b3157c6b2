import type { Tokenizer } from '@huggingface/tokenizers';

/** The model was trained on texts cut to so many word pieces, the opening and closing marks among them. */
export const MAX_TOKENS = 256;

/** A word of more letters is one unknown piece, so the end of a cut text can go wrong by so many pieces at most. */
const LONGEST_WORD = 100;

/** Enough for 256 pieces of ordinary text (4 letters each) and the margin, at 1 ms. */
const FIRST_CUT = 4096;

/**
 * The first 256 word pieces of a text, as the model was trained to see it.
 *
 * A long text is cut before it is taken apart, since 300,000 letters would cost up to 0.7 s for pieces that are then
 * thrown away. The cut is exact: it grows until pieces far enough before its end fill the model's window.
 */
export function firstTokens(tokenizer: Tokenizer, text: string): number[] {
  for (let length = FIRST_CUT; ; length *= 4) {
    const { ids } = tokenizer.encode(text.slice(0, length));
    const closing = ids.at(-1);
    if (length < text.length && ids.length < MAX_TOKENS + LONGEST_WORD) continue;
    if (ids.length <= MAX_TOKENS || closing === undefined) return ids;
    return [...ids.slice(0, MAX_TOKENS - 1), closing];
  }
}
