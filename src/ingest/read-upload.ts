import { createHash } from 'node:crypto';
import path from 'node:path';
import {
  AkoshaError,
  isAkoshaError,
  KINDS,
  manifestKey,
  uploadPrefix,
  type Kind,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import {
  escapeSystemId,
  isMemoriesFile,
  MAX_MANIFEST_BYTES,
  parseManifest,
  type Manifest,
  type UploadedFile,
} from '../memory/index.js';
import type { DatabaseRead, ReadRequest, ReadResult } from '../reader/index.js';
import type { IngestBatch, KnownUnchanged, UploadRecord } from '../store/index.js';
import { checkSums } from './check-sums.js';
import { zoneOfSystem, type IngestContext } from './context.js';
import {
  databasesOf,
  describeRead,
  describeUnread,
  hasFlag,
  readersOf,
  type FetchedDatabase,
  type FetchedFile,
} from './databases.js';
import { listKnown, type KnownFile } from './list-known.js';
import { signalOption } from './signal-option.js';
import { unreadable } from './unreadable.js';

/** An upload's manifest, and its files as they were stored. */
export interface FetchedUpload {
  record: UploadRecord;
  manifest: Manifest;
  scratch: string;
  files: readonly FetchedFile[];
  storedBytes: number;
}

interface ReadDatabase {
  result: DatabaseRead;
  database: FetchedDatabase;
}

interface UnreadDatabase {
  database: FetchedDatabase;
  reason: string;
}

/**
 * Fetches an upload to `scratch`. Raises `UploadUnreadable` for what no retry can fetch: a manifest that is gone, or is not the one that
 * was queued, a file that is missing, or none at all.
 */
export async function fetchUpload(
  context: IngestContext,
  record: UploadRecord,
  scratch: string,
  signal?: AbortSignal,
): Promise<FetchedUpload> {
  const manifest = await readManifest(context, record, signal);
  if (manifest.files.length === 0) throw unreadable(record, 'lists no files');
  const files: FetchedFile[] = [];
  const limit = context.reader.maxUploadBytes;
  let storedBytes = 0;
  for (const [index, file] of manifest.files.entries()) {
    const stored = path.join(scratch, `${index}.stored`);
    storedBytes += await fetchFile(context, record, file, { stored, room: limit - storedBytes, signal });
    files.push({ stored, file });
  }
  return { record, manifest, scratch, files, storedBytes };
}

/**
 * Has readers open the files, and makes one Parquet of their rows. A database that the host could not read, and nothing here can, is
 * passed over where there is another. Raises `UploadUnreadable` and `DatabaseUnreadable` for what no retry can read, and what readers raise.
 */
export async function readFiles(
  context: IngestContext,
  fetched: FetchedUpload,
  signal?: AbortSignal,
): Promise<IngestBatch> {
  const { record, manifest, scratch, files } = fetched;
  const asOf = context.clock();
  const databases = databasesOf(files);
  if (databases.length === 0) throw unreadable(record, 'lists no databases');
  const rowsFile = path.join(scratch, 'rows.parquet');
  const request: ReadRequest = {
    databases: databases.map(({ stored, file, logs }) => ({
      stored,
      label: file.name,
      logs,
      // Its host could not read it either, so no more was to be expected.
      mayFail: hasFlag(file, 'unread'),
    })),
    output: rowsFile,
    timeZone: manifest.timeZone ?? zoneOfSystem(context, record.systemId),
    uploadedAt: manifest.createdAt,
    asOf,
  };
  const { result, known } = await readWithList(context, fetched, request, signal);
  failPoint('ingest.after-export');
  const { read, unread } = checkRead(record, databases, result);
  const covers = coveredKinds(manifest, read);
  return {
    upload: { systemId: record.systemId, uploadId: record.uploadId },
    rowsFile,
    keys: result.keys,
    known: knownUnchanged(known, result),
    covers,
    mirrors: isMirrored(context, record) ? covers : [],
    files: [
      ...read.flatMap((one) => describeRead(one.database, one.result)),
      ...unread.flatMap(({ database, reason }) => describeUnread(database, reason)),
    ],
    refused: read.reduce((sum, one) => sum + sumOf(one.result.skipped), 0),
    reader: [...new Set(read.flatMap((one) => readersOf(one.database, one.result)))].join(', '),
    asOf,
  };
}

function knownUnchanged(known: KnownFile | undefined, { missing }: ReadResult): KnownUnchanged | null {
  return known === undefined || missing === null ? null : { list: known.list, missing };
}

/**
 * With a list of what the store has, and without it where that failed: to hold so many rows beside it may be more than a reader has, and
 * what the list costs must neither be the upload's fault nor keep it from being read.
 */
async function readWithList(
  context: IngestContext,
  fetched: FetchedUpload,
  request: ReadRequest,
  signal: AbortSignal | undefined,
): Promise<{ result: ReadResult; known: KnownFile | undefined }> {
  const known = await listKnown(context, fetched.record, fetched, signal);
  const read = (list?: string): Promise<ReadResult> =>
    context.reader.readDatabases({ ...request, known: list }, { signal, owner: fetched.record.systemId });
  if (known === undefined) return { result: await read(), known };
  try {
    return { result: await read(known.path), known };
  } catch (error) {
    if (!isAkoshaError(error, 'ReaderFailed')) throw error;
    const { systemId, uploadId } = fetched.record;
    context.log?.warn(
      { systemId, uploadId, reason: error.message },
      'an upload could not be read beside what the store has; it is read whole',
    );
    return { result: await read(), known: undefined };
  }
}

function sumOf(counts: Partial<Record<Kind, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Raises `UploadUnreadable` where a database is not what the manifest says, and what ails the first where none could be read. */
function checkRead(
  record: UploadRecord,
  databases: readonly FetchedDatabase[],
  { databases: results }: ReadResult,
): { read: ReadDatabase[]; unread: UnreadDatabase[] } {
  const read: ReadDatabase[] = [];
  const unread: (UnreadDatabase & { fault: AkoshaError })[] = [];
  for (const [index, database] of databases.entries()) {
    const result = results[index];
    if (result === undefined)
      throw new Error(`the reader answered for ${results.length} of ${databases.length}`);
    if ('fault' in result) {
      const { type, message } = result.fault;
      unread.push({ database, reason: message, fault: new AkoshaError(type, message) });
    } else {
      checkSums(record, database, result);
      read.push({ database, result });
    }
  }
  const [first] = unread;
  if (read.length === 0 && first !== undefined) throw first.fault;
  return { read, unread };
}

async function readManifest(
  context: IngestContext,
  record: UploadRecord,
  signal: AbortSignal | undefined,
): Promise<Manifest> {
  const known = context.manifests?.take(record.place, record.manifestSha256);
  return parseManifest(record.place, known ?? (await fetchManifest(context, record, signal)));
}

/** As it was queued. */
async function fetchManifest(
  context: IngestContext,
  record: UploadRecord,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const bytes = await context.uploads
    .get(manifestKey(record.place), { maxBytes: MAX_MANIFEST_BYTES, ...signalOption(signal) })
    .catch((error: unknown) => {
      // It stood when the upload was queued, and nobody writes it a second time.
      throw isAkoshaError(error, 'ObjectNotFound') ? unreadable(record, 'its manifest is missing') : error;
    });
  if (createHash('sha256').update(bytes).digest('hex') !== record.manifestSha256) {
    throw unreadable(record, 'its manifest is not the one that was queued: an upload id is never used twice');
  }
  return bytes;
}

/** Returns its bytes. */
async function fetchFile(
  context: IngestContext,
  record: UploadRecord,
  { name, storedBytes }: UploadedFile,
  { stored, room, signal }: { stored: string; room: number; signal: AbortSignal | undefined },
): Promise<number> {
  // What the manifest does not promise is not downloaded, whatever lies there.
  const maxBytes = Math.min(storedBytes ?? room, room);
  const bytes = await context.uploads
    .getFile(uploadPrefix(record.place) + name, stored, { maxBytes, ...signalOption(signal) })
    .catch((error: unknown) => {
      // The manifest is written last: a file that is missing now will be missing again.
      throw isAkoshaError(error, 'ObjectNotFound') ? unreadable(record, `file ${name} is missing`) : error;
    });
  failPoint('ingest.after-download');
  return bytes;
}

/**
 * The kinds of which the upload has all that its host has; of no others is a memory absent that is not in it. Of none where it is a
 * part, or holds a file that the host could not read to its end; and not of those that a database may hold which it had to leave out, or did as unchanged;
 * nor of those of which rows were refused, because these the host has.
 */
function coveredKinds(manifest: Manifest, read: readonly ReadDatabase[]): Kind[] {
  const { partial, unchanged, omitted, files } = manifest;
  if (partial || files.some(({ flags }) => flags.length > 0)) return [];
  const untold = new Set([
    ...omitted.flatMap(({ kinds }) => kinds ?? KINDS),
    ...unchanged.flatMap(({ rows }) => KINDS.filter((kind) => rows[kind] !== undefined)),
    ...read.flatMap(({ result }) => KINDS.filter((kind) => (result.skipped[kind] ?? 0) > 0)),
  ]);
  // A `memories.json` nowhere says that it is all.
  const whole = read.filter(({ database }) => !isMemoriesFile(database.file.name));
  return KINDS.filter(
    (kind) => !untold.has(kind) && whole.some(({ result }) => result.rows[kind] !== undefined),
  );
}

/** The setting takes names as well as the ids made of them. */
function isMirrored({ mirrorSystems = [] }: IngestContext, { systemId }: UploadRecord): boolean {
  return mirrorSystems.some((name) => name === '*' || name === systemId || escapeSystemId(name) === systemId);
}
