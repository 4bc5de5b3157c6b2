import { isSpace, parseValue, ValueEnd } from './json-values.js';

/** An element of the list, or that there was one which is longer than it may be. */
export type ListElement = Buffer | 'too large';

/** Of a key in the document's object: no key that counts is as long. */
const MAX_KEY_BYTES = 256;

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

type Expected = 'start' | 'key' | 'colon' | 'value' | 'element' | 'comma in list' | 'comma' | 'end';

const NAMES: Readonly<Record<Expected, string>> = {
  start: '"{"',
  key: 'a key',
  colon: '":"',
  value: 'a value',
  element: 'a value',
  'comma in list': '"," or "]"',
  comma: '"," or "}"',
  end: 'the end',
};

interface Value {
  is: 'key' | 'other' | 'element';
  end: ValueEnd;
  parts: Buffer[];
  bytes: number;
  maxBytes: number;
}

/**
 * Cuts the elements of one list out of a JSON document, `{"<key>": [<element>, …], …}`, as its bytes come; all other values are
 * passed over unread. Holds one element at most. What it throws is made by `fault` of the rule that is broken.
 */
export class JsonListSplitter {
  readonly #key: string;
  readonly #maxElementBytes: number;
  readonly #fault: (rule: string) => Error;
  #expected: Expected = 'start';
  #value: Value | undefined;
  /** Of what was found at the last comma or opening bracket: whether the list or object may end here. */
  #mayClose = true;
  #isList = false;
  #found = false;
  /** Bytes of the chunks before this one. */
  #before = 0;

  constructor(key: string, maxElementBytes: number, fault: (rule: string) => Error) {
    this.#key = key;
    this.#maxElementBytes = maxElementBytes;
    this.#fault = fault;
  }

  /** The elements that end in this chunk. */
  push(chunk: Buffer): ListElement[] {
    const elements: ListElement[] = [];
    let at = this.#before === 0 && chunk.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
    while (at < chunk.length) {
      if (this.#value !== undefined) at = this.#read(this.#value, chunk, at, elements);
      else if (isSpace(chunk[at])) at++;
      else at = this.#step(chunk, at);
    }
    this.#before += chunk.length;
    return elements;
  }

  /** To be called after the last chunk. */
  end(): void {
    if (this.#value !== undefined || this.#expected !== 'end') {
      throw this.#fault(`is not JSON: ends at byte ${this.#before}, where ${this.#wanted()} was expected`);
    }
    if (!this.#found) throw this.#fault(`has no list ${this.#key}`);
  }

  #wanted(): string {
    return this.#value === undefined ? NAMES[this.#expected] : 'the rest of a value';
  }

  #step(chunk: Buffer, at: number): number {
    const letter = String.fromCharCode(chunk[at] ?? 0);
    switch (this.#expected) {
      case 'start':
        if (letter === '{') return this.#then('key', true, at);
        break;
      case 'key':
        if (letter === '"') return this.#begin('key', at);
        if (letter === '}' && this.#mayClose) return this.#then('end', false, at);
        break;
      case 'colon':
        if (letter === ':') return this.#then('value', false, at);
        break;
      case 'value':
        if (this.#isList) return this.#beginList(letter, at);
        if (!',:]}'.includes(letter)) return this.#begin('other', at);
        break;
      case 'element':
        if (letter === ']' && this.#mayClose) return this.#then('comma', false, at);
        if (!',:]}'.includes(letter)) return this.#begin('element', at);
        break;
      case 'comma in list':
        if (letter === ',') return this.#then('element', false, at);
        if (letter === ']') return this.#then('comma', false, at);
        break;
      case 'comma':
        if (letter === ',') return this.#then('key', false, at);
        if (letter === '}') return this.#then('end', false, at);
        break;
      case 'end':
        break;
    }
    throw this.#fault(`is not JSON: ${NAMES[this.#expected]} expected at byte ${this.#before + at}`);
  }

  #then(expected: Expected, mayClose: boolean, at: number): number {
    this.#expected = expected;
    this.#mayClose = mayClose;
    return at + 1;
  }

  #beginList(letter: string, at: number): number {
    if (letter !== '[') throw this.#fault(`has ${this.#key} that are no list`);
    if (this.#found) throw this.#fault(`has ${this.#key} twice`);
    this.#found = true;
    return this.#then('element', true, at);
  }

  #begin(is: Value['is'], at: number): number {
    const maxBytes = { key: MAX_KEY_BYTES, other: 0, element: this.#maxElementBytes }[is];
    this.#value = { is, end: new ValueEnd(), parts: [], bytes: 0, maxBytes };
    return at;
  }

  #read(value: Value, chunk: Buffer, from: number, elements: ListElement[]): number {
    const to = value.end.find(chunk, from);
    const part = chunk.subarray(from, to);
    value.bytes += part.length;
    if (value.bytes > value.maxBytes) value.parts.length = 0;
    else value.parts.push(part);
    if (to === undefined) return chunk.length;
    this.#value = undefined;
    const whole = value.bytes > value.maxBytes ? 'too large' : Buffer.concat(value.parts);
    switch (value.is) {
      case 'key':
        this.#isList = whole !== 'too large' && parseValue(whole)?.value === this.#key;
        this.#expected = 'colon';
        break;
      case 'other':
        this.#expected = 'comma';
        break;
      case 'element':
        this.#expected = 'comma in list';
        elements.push(whole);
        break;
    }
    return to;
  }
}
