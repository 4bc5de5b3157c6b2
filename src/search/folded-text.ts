import { foldText } from './terms.js';

/** As much as is folded at once: of a text that is not ASCII only the parts are looked at by character in which places are asked for. */
const PART_LENGTH = 1_000;

/** A part ends behind a space, if there is one so near: how a letter is folded may depend on those beside it. */
const SPACE_REACH = 100;

/** A character with its marks, or a Korean syllable that stands in its letters: folding makes one of them. */
const CHARACTERS = /[\u1100-\u115f][\u1160-\u11a7]*[\u11a8-\u11ff]*\p{M}*|\P{M}\p{M}*|\p{M}+/gu;

interface Part {
  /** Where it begins in the text, and in the folded one. */
  at: number;
  foldedAt: number;
  text: string;
  folded: string;
}

/**
 * A folded text that tells where its units come from: folding makes some texts shorter or longer. To fold by character takes a hundred times
 * as long as to fold at once, so only what lies around places that are asked for is folded so.
 */
export class FoldedText {
  readonly text: string;
  readonly #parts: readonly Part[];
  readonly #ends = new Map<Part, { starts: number[]; ends: number[] }>();

  constructor(text: string) {
    this.#parts = [...partsOf(text)];
    this.text = this.#parts.map(({ folded }) => folded).join('');
  }

  /** Where in the text the character begins that this unit of the folded text is of. */
  from(unit: number): number {
    const part = this.#partAt(unit);
    return part === undefined
      ? 0
      : part.at + (this.#placesOf(part).starts[unit - part.foldedAt] ?? part.text.length);
  }

  /** Where it ends. */
  to(unit: number): number {
    const part = this.#partAt(unit);
    return part === undefined
      ? 0
      : part.at + (this.#placesOf(part).ends[unit - part.foldedAt] ?? part.text.length);
  }

  #partAt(unit: number): Part | undefined {
    return this.#parts.findLast(({ foldedAt }) => foldedAt <= unit);
  }

  #placesOf(part: Part): { starts: number[]; ends: number[] } {
    const known = this.#ends.get(part);
    if (known !== undefined) return known;
    const places = { starts: new Array<number>(), ends: new Array<number>() };
    for (const { 0: character, index } of part.text.matchAll(CHARACTERS)) {
      for (let i = 0; i < foldText(character).length; i++) {
        places.starts.push(index);
        places.ends.push(index + character.length);
      }
    }
    this.#ends.set(part, places);
    return places;
  }
}

function* partsOf(text: string): Generator<Part> {
  for (let at = 0, foldedAt = 0; at < text.length;) {
    const end = endOfPart(text, at + PART_LENGTH);
    const part = text.slice(at, end);
    const folded = foldText(part);
    yield { at, foldedAt, text: part, folded };
    at = end;
    foldedAt += folded.length;
  }
}

function endOfPart(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const space = text.lastIndexOf(' ', at);
  if (space > at - SPACE_REACH) return space + 1;
  // Neither between two surrogates nor between a character and its marks.
  const next = /(?<![\ud800-\udbff])(?=[^\p{M}\u1160-\u11ff])/u;
  const found = text.slice(at, at + SPACE_REACH).search(next);
  return Math.min(text.length, found === -1 ? at + SPACE_REACH : at + found);
}
