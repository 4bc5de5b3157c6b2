import { TextDecoder } from 'node:util';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/** Brackets and braces differ in one bit, which this sets. */
const CURLY = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/**
 * Finds where a JSON value ends, in as many chunks as it comes. It keeps a count and two flags, so that nesting without end costs
 * nothing. It does not check: what has the outline of a value and is none is for `JSON.parse` to find.
 */
export class ValueEnd {
  #depth = 0;
  #inText = false;
  #escaped = false;

  /** The place after the value's last byte; undefined where it goes on in the next chunk. */
  find(chunk: Buffer, from: number): number | undefined {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#inText) {
        if (this.#skipInText(byte) && this.#depth === 0) return at + 1;
      } else if (byte === QUOTE) {
        this.#inText = true;
      } else if ((byte | CURLY) === OPEN) {
        this.#depth++;
      } else if ((byte | CURLY) === CLOSE) {
        // Of what the value stands in, where the value is a number or a word.
        if (this.#depth === 0) return at;
        if (--this.#depth === 0) return at + 1;
      } else if (this.#depth === 0 && (byte === COMMA || isSpace(byte))) {
        return at;
      }
    }
    return undefined;
  }

  /** True at the end of the text. */
  #skipInText(byte: number): boolean {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inText = false;
    return !this.#inText;
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The value that these bytes are; undefined where they are none, or no UTF-8. NaN and Infinity, which Python writes, are null. */
export function parseValue(bytes: Uint8Array): { value: unknown } | undefined {
  const text = decode(bytes);
  if (text === undefined) return undefined;
  return tryParse(text) ?? tryParse(withoutNonFinite(text));
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

function tryParse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Text by text, not with one expression over all: that would need memory for each letter of a long text. */
function withoutNonFinite(text: string): string {
  const parts: string[] = [];
  let at = 0;
  while (at < text.length) {
    const quote = text.indexOf('"', at);
    const outside = text.slice(at, quote === -1 ? undefined : quote);
    parts.push(outside.replaceAll(/-?\b(?:NaN|Infinity)\b/g, 'null'));
    if (quote === -1) break;
    at = endOfText(text, quote + 1);
    parts.push(text.slice(quote, at));
  }
  return parts.join('');
}

function endOfText(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** The text of a member of an object, as it stands there; the last of that name, as `JSON.parse` has it. The object must be sound. */
export function memberText(object: Buffer, name: string): string | undefined {
  let found: string | undefined;
  let at = afterSpace(object, 0) + 1;
  for (;;) {
    at = afterSpace(object, at);
    if (object[at] !== QUOTE) return found;
    const keyEnd = new ValueEnd().find(object, at) ?? object.length;
    const key = parseValue(object.subarray(at, keyEnd));
    // One byte is the colon, and below the comma.
    const from = afterSpace(object, afterSpace(object, keyEnd) + 1);
    const to = new ValueEnd().find(object, from) ?? object.length;
    if (key?.value === name) found = object.toString('utf8', from, to);
    at = afterSpace(object, to) + 1;
  }
}

function afterSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at++;
  return at;
}
