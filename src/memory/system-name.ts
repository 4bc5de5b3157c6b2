import { createHash } from 'node:crypto';
import { AkoshaError, type SystemId } from '../contract/index.js';

/**
 * A name stays what it is where it can be an id. Any other becomes `x--` and its bytes in UTF-8, where all but letters, digits
 * and `-` are written as `_` with two hex digits: `laptop.local` is `x--laptop_2Elocal`. A plain name that begins with `x--` is
 * escaped as well, so an id that begins so is always an escaped one, and two names never have the same id.
 */
const ESCAPED = 'x--';

/**
 * Where that is too long, the id is cut and ends in `__` and a hash of the name. An escaped byte is never `_` twice, so
 * cut ids and whole ones cannot meet; two cut ones meet where 128 bits of SHA-256 do.
 */
const CUT = '__';
const HASH_LENGTH = 32;

interface Rule {
  what: string;
  /** Names that need no escape. */
  plain: RegExp;
  maxLength: number;
}

/** 100: as in the settings and the API; a workflow's id, a folder and a task queue hold it with room to spare. */
const SYSTEM: Rule = { what: 'system', plain: /^[A-Za-z0-9_-]+$/, maxLength: 100 };

/** 128: with an operation and a hash behind it, the name of a journal object stays below the 255 bytes of a file's name. */
const UPLOAD: Rule = { what: 'upload', plain: /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/, maxLength: 128 };

/** The id of the system of this name. Raises `BadRequest` for a name that is empty or no Unicode. */
export function escapeSystemId(name: string): SystemId {
  return escape(name, SYSTEM);
}

/** The name behind an id; undefined for an id that was cut, whose name cannot be had back, and for what is no id. */
export function unescapeSystemId(id: SystemId): string | undefined {
  return unescape(id, SYSTEM);
}

/** Whether some name has this id. Of an id that was cut only its form can be told. */
export function isSystemId(text: string): boolean {
  return unescapeSystemId(text) !== undefined || isCut(text, SYSTEM);
}

/** The same for the id of an upload, which an original host makes of the time and its own name. There dots are plain. */
export function escapeUploadId(name: string): string {
  return escape(name, UPLOAD);
}

function escape(name: string, rule: Rule): string {
  if (name === '' || /\p{Cs}/u.test(name)) {
    throw new AkoshaError(
      'BadRequest',
      `${rule.what} name ${JSON.stringify(name)} must be well-formed Unicode, and not empty`,
    );
  }
  if (isPlain(name, rule)) return name;
  const bytes = [...Buffer.from(name)].map(escapeByte);
  const whole = ESCAPED + bytes.join('');
  return whole.length <= rule.maxLength ? whole : cut(name, bytes, rule);
}

function isPlain(name: string, { plain, maxLength }: Rule): boolean {
  return plain.test(name) && name.length <= maxLength && !name.startsWith(ESCAPED);
}

function escapeByte(byte: number): string {
  const letter = String.fromCharCode(byte);
  return /[A-Za-z0-9-]/.test(letter) ? letter : `_${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Keeps as much of the beginning as fits, by whole bytes: a person should still know the name by it. */
function cut(name: string, bytes: readonly string[], { maxLength }: Rule): string {
  const room = maxLength - CUT.length - HASH_LENGTH;
  let head = ESCAPED;
  for (const byte of bytes) {
    if (head.length + byte.length > room) break;
    head += byte;
  }
  return head + CUT + createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH);
}

function isCut(id: string, { maxLength }: Rule): boolean {
  return id.length <= maxLength && /^x--(?:[A-Za-z0-9-]|_[0-9A-F]{2})+__[0-9a-f]{32}$/.test(id);
}

function unescape(id: string, rule: Rule): string | undefined {
  if (isPlain(id, rule)) return id;
  if (!/^x--(?:[A-Za-z0-9-]|_[0-9A-F]{2})+$/.test(id)) return undefined;
  const hex = id
    .slice(ESCAPED.length)
    .replaceAll(/_(..)|(.)/g, (_match, code?: string, letter?: string) =>
      code === undefined ? Buffer.from(letter ?? '').toString('hex') : code,
    );
  const name = Buffer.from(hex, 'hex').toString('utf8');
  // Another spelling of the same bytes (`_41` for `A`), or bytes that are no UTF-8: nobody's id.
  return escape(name, rule) === id ? name : undefined;
}
