import { isAkoshaError, type Kind } from '../contract/index.js';
import { hasUnread, type UnchangedDatabase } from '../memory/index.js';
import type { HostContext } from './host.js';
import type { OrderNumbers } from './sequence.js';
import { kindsOf } from './contents.js';
import type { SyncMethod } from './methods/method.js';
import type { DatabaseContents, UploadContents } from './outbox/contents.js';
import type { UploadRow } from './outbox/row-shapes.js';
import { readReceipt } from './receipt.js';

/** What of a snapshot need not be sent. */
export interface Comparison {
  /** The upload that has all of it. */
  same?: UploadRow;
  /** Databases that an earlier upload brought as they are. Never all of them. */
  unchanged: UnchangedDatabase[];
}

const NOTHING_KNOWN: Comparison = { unchanged: [] };

/**
 * Compares a snapshot with the system's newest upload, and with no older one: only the newest says what the store holds. It counts
 * where nobody else has uploaded since, and where its receipt says that every row of it was ingested; or, for a snapshot that is
 * the same in all, where it still waits in the outbox.
 */
export async function compareWithNewest(
  host: HostContext,
  contents: UploadContents,
  { previousOrder }: OrderNumbers,
  signal: AbortSignal | undefined,
): Promise<Comparison> {
  const newest = host.outbox.rows.newest(host.systemId);
  if (!host.deduplicate || newest === undefined) return NOTHING_KNOWN;
  const before = newest.contents;
  if (before === null) return NOTHING_KNOWN;
  if (newest.order !== previousOrder) return NOTHING_KNOWN;
  const same = isSame(before, contents);
  if (newest.state === 'prepared') return same ? { same: newest, unchanged: [] } : NOTHING_KNOWN;
  if (!(await isIngested(host, newest, signal))) return NOTHING_KNOWN;
  // What a server keeps under ids of its own, a later upload cannot name as the one that has a database.
  if (!same && atServer(host, newest) !== undefined) return NOTHING_KNOWN;
  return same ? { same: newest, unchanged: [] } : { unchanged: unchangedDatabases(before, contents) };
}

function isSame(before: UploadContents, now: UploadContents): boolean {
  return (
    before.timeZone === now.timeZone &&
    sameList(before.databases, now.databases, ({ name, digest }) => `${name} ${digest}`) &&
    sameList(before.omitted, now.omitted, ({ name }) => name)
  );
}

function sameList<T>(a: readonly T[], b: readonly T[], text: (item: T) => string): boolean {
  const inB = new Set(b.map(text));
  return a.length === b.length && a.every((item) => inB.has(text(item)));
}

/**
 * Whether the store has every row of an upload. One of which rows were refused, or found older than what the store has, may have to be
 * brought again, and so may all of one of which something was forgotten since. While the object store, or the server that an upload went to, is away, what it said before counts.
 */
async function isIngested(
  host: HostContext,
  upload: UploadRow,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const whole = await (atServer(host, upload)?.(upload.uploadId, signal) ??
      receiptIsWhole(host, upload, signal));
    if (whole !== undefined) {
      host.outbox.rows.receiptSays(upload.uploadId, whole ? 'ingested' : 'incomplete');
    }
    return whole ?? false;
  } catch (error) {
    if (isAkoshaError(error, 'ObjectStoreUnavailable') || isAkoshaError(error, 'ServerUnavailable')) {
      return upload.receipt === 'ingested';
    }
    throw error;
  }
}

/** How to learn of an upload that went to a server, which keeps it under ids of its own. */
function atServer({ methods }: HostContext, { method }: UploadRow): SyncMethod['hasIngested'] {
  return methods.find(({ name }) => name === method)?.hasIngested;
}

/** Undefined where there is no receipt yet. */
async function receiptIsWhole(
  { uploads }: HostContext,
  { systemId, uploadId }: UploadRow,
  signal: AbortSignal | undefined,
): Promise<boolean | undefined> {
  const receipt = await readReceipt(uploads, { systemId, uploadId }, { signal });
  return (
    receipt &&
    receipt.status === 'ingested' &&
    receipt.rows.refused === 0 &&
    receipt.rows.superseded === 0 &&
    receipt.forgotten_at === undefined &&
    !hasUnread(receipt)
  );
}

/**
 * The databases that can be left out. Those that share a kind of memory go together, all or none: which of two databases a
 * memory is taken from, and whether one is gone, can only be told with all of them at hand. So every kind is in an
 * upload wholly, or not at all.
 */
function unchangedDatabases(before: UploadContents, now: UploadContents): UnchangedDatabase[] {
  const earlier = new Map(before.databases.map((database) => [database.name, database]));
  const names = new Set(now.databases.map(({ name }) => name));
  const gone = before.databases.filter(({ name }) => !names.has(name));
  const changed = now.databases.filter(({ name, digest }) => earlier.get(name)?.digest !== digest);
  const formerly = changed.flatMap(({ name }) => earlier.get(name) ?? []);
  const touched = new Set([...gone, ...formerly, ...changed].flatMap(kindsIn));
  const unknown = [...before.databases, ...now.databases].some(({ rows }) => rows === null);
  if (unknown || before.timeZone !== now.timeZone) return [];

  let rest = now.databases.filter((database) => !changed.includes(database));
  for (;;) {
    const along = rest.filter((database) => kindsIn(database).some((kind) => touched.has(kind)));
    if (along.length === 0) break;
    along.flatMap(kindsIn).forEach((kind) => touched.add(kind));
    rest = rest.filter((database) => !along.includes(database));
  }
  if (rest.length === now.databases.length) return [];
  return rest.map(({ name, rows, digest }) => ({
    name,
    uploadId: earlier.get(name)?.uploadId ?? '',
    rows: rows ?? {},
    rowsDigest: digest,
  }));
}

function kindsIn({ rows }: DatabaseContents): Kind[] {
  return kindsOf(rows) ?? [];
}
