import { AkoshaError } from '../contract/index.js';

/** Where the file store keeps what is not yet an object. No key may begin with it, in any store. */
export const TEMP_FOLDER = '.tmp';

/** S3's limit on a whole key, in bytes of UTF-8, the prefix of the store's URL included. */
export const MAX_KEY_BYTES = 1024;

/** The longest file name that ext4, XFS, APFS and NTFS all take, in bytes of UTF-8. */
const MAX_SEGMENT_BYTES = 255;

/**
 * The rule every key obeys, in every store, so that objects can be carried from a folder to a bucket and back.
 * It is also what keeps a key inside the root of the file store. Raises `BadRequest`.
 */
export function assertKey(key: string): void {
  const fault = faultOf(key);
  if (fault !== undefined) throw badKey('key', key, fault);
}

/** Whether a key obeys the rule: listings leave out what other programs put into the same place and we could not name. */
export function isKey(key: string): boolean {
  return faultOf(key) === undefined;
}

/**
 * A listing's prefix: whole segments, then perhaps the beginning of one (`systems/ci-`). `''` is everything.
 * Raises `BadRequest`.
 */
export function assertPrefix(prefix: string): void {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (folder !== '') assertFolder(folder);
  const rest = prefix.slice(folder.length);
  const fault = rest === '' ? undefined : characterFault(rest);
  if (fault !== undefined) throw badKey('prefix', prefix, fault);
}

/** A prefix of whole segments: `''`, or one that ends in `/`. Raises `BadRequest`. */
export function assertFolder(folder: string): void {
  if (folder === '') return;
  if (!folder.endsWith('/')) throw badKey('folder', folder, 'must end in "/"');
  const fault = faultOf(folder.slice(0, -1));
  if (fault !== undefined) throw badKey('folder', folder, fault);
}

/** The order of S3's listings: by the bytes of UTF-8, which differs from JavaScript's where surrogates meet U+E000 up. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function faultOf(key: string): string | undefined {
  if (key === '') return 'must not be empty';
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `must not be longer than ${MAX_KEY_BYTES} bytes`;
  const segments = key.split('/');
  if (segments[0] === TEMP_FOLDER)
    return `must not begin with "${TEMP_FOLDER}/", the place of unfinished files`;
  for (const segment of segments) {
    if (segment === '') return 'must not have an empty segment (a "/" at its start or end, or "//")';
    if (segment === '.' || segment === '..') return `must not have the segment "${segment}"`;
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) {
      return `must not have a segment longer than ${MAX_SEGMENT_BYTES} bytes`;
    }
  }
  return characterFault(key);
}

/** Control characters cannot be written in the XML of an S3 listing; a backslash is a separator on Windows. */
function characterFault(text: string): string | undefined {
  if (/[\p{Cc}\\]/u.test(text)) return 'must not hold a control character or a backslash';
  if (/\p{Cs}/u.test(text)) return 'must be well-formed Unicode';
  return undefined;
}

function badKey(what: string, key: string, fault: string): AkoshaError {
  return new AkoshaError('BadRequest', `object store ${what} ${JSON.stringify(key)} ${fault}`, {
    details: { key },
  });
}
