import { createHash } from 'node:crypto';
import { z } from 'zod';
import { keyText, KINDS, type MemoryKey, type SearchSort } from '../contract/index.js';
import type { MatchStart, SearchFilters } from '../store/index.js';
import { MAX_LIMIT } from './limits.js';

/**
 * Where a page of a search goes on. A cursor says all of it, so that nothing is kept on the server: it holds over a restart, and however
 * many searches there are.
 */
export type Position =
  | { sort: 'time'; after: MatchStart }
  /** The memories of the pages before: a ranking moves with the data, and none of them must come again. */
  | { sort: 'relevance'; shown: ReadonlySet<string> };

/** What the pages of a search have in common. */
export interface CursorScope {
  text: string;
  sort: SearchSort;
  filters: SearchFilters;
}

/** Of a digest of a key: among a thousand shown and ten thousand candidates two are the same once in 28 million searches. */
const MARK_BYTES = 6;

/** Tells a cursor of another search, or a damaged one, from a good one. Not a secret: a forged one leaves out results, or is refused. */
const CHECK_BYTES = 9;

const After = z.tuple([z.int(), z.string(), z.enum(KINDS), z.string()]);

/** What stands for a memory in a cursor. */
export function markOf(key: MemoryKey | string): string {
  const text = typeof key === 'string' ? key : keyText(key);
  return createHash('sha256').update(text).digest().subarray(0, MARK_BYTES).toString('base64url');
}

export function writeCursor(position: Position, scope: CursorScope): string {
  const body =
    position.sort === 'time'
      ? Buffer.from(JSON.stringify(afterOf(position.after)))
      : Buffer.concat([...position.shown].map((mark) => Buffer.from(mark, 'base64url')));
  return Buffer.concat([checkOf(body, scope), body]).toString('base64url');
}

/** `foreign` where it is none of this search. */
export function readCursor(cursor: string, scope: CursorScope): Position | 'foreign' {
  const bytes = Buffer.from(cursor, 'base64url');
  const body = bytes.subarray(CHECK_BYTES);
  if (!bytes.subarray(0, CHECK_BYTES).equals(checkOf(body, scope))) return 'foreign';
  if (scope.sort === 'time') {
    const after = readAfter(body.toString());
    return after === undefined ? 'foreign' : { sort: 'time', after };
  }
  // A page that is not the last has shown fewer than all pages together may.
  if (body.length % MARK_BYTES !== 0 || body.length >= MAX_LIMIT * MARK_BYTES) return 'foreign';
  const shown = new Set<string>();
  for (let at = 0; at < body.length; at += MARK_BYTES)
    shown.add(body.subarray(at, at + MARK_BYTES).toString('base64url'));
  return { sort: 'relevance', shown };
}

/** The check is no secret, so anything may stand here. */
function readAfter(text: string): MatchStart | undefined {
  try {
    const [ownTime, systemId, kind, memoryId] = After.parse(JSON.parse(text));
    return { ownTime, systemId, kind, memoryId };
  } catch {
    return undefined;
  }
}

function afterOf({ ownTime, systemId, kind, memoryId }: MatchStart): z.infer<typeof After> {
  return [ownTime, systemId, kind, memoryId];
}

function checkOf(body: Buffer, { text, sort, filters }: CursorScope): Buffer {
  const scope = JSON.stringify([
    text,
    sort,
    Object.entries(filters).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  ]);
  return createHash('sha256').update(scope).update('\0').update(body).digest().subarray(0, CHECK_BYTES);
}
