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
import type { ExportResult } from '../reader/index.js';
import type { IngestBatch, UploadRecord } from '../store/index.js';
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
import { signalOption } from './signal-option.js';
import { unreadable } from './unreadable.js';

/** An upload's manifest, and its files as they were stored. */
export interface FetchedUpload {
  record: UploadRecord;
  manifest: Manifest;
  scratch: string;
  files: readonly FetchedFile[];
}

interface ReadDatabase {
  exported: string;
  result: ExportResult;
  database: FetchedDatabase;
}

interface UnreadDatabase {
  database: FetchedDatabase;
  fault: AkoshaError;
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
  let room = context.reader.maxUploadBytes;
  for (const [index, file] of manifest.files.entries()) {
    const stored = path.join(scratch, `${index}.stored`);
    room -= await fetchFile(context, record, file, { stored, room, signal });
    files.push({ stored, file });
  }
  return { record, manifest, scratch, files };
}

/**
 * Has readers open the files, and makes one Parquet of their rows. A database that the host could not read, and nothing here can, is
 * passed over where there is another. Raises `UploadUnreadable` and `DatabaseUnreadable` for what no retry can read, and what readers raise.
 */
export async function readFiles(
  context: IngestContext,
  { record, manifest, scratch, files }: FetchedUpload,
  signal?: AbortSignal,
): Promise<IngestBatch> {
  const asOf = context.clock();
  const read: ReadDatabase[] = [];
  const unread: UnreadDatabase[] = [];
  for (const [index, database] of databasesOf(files).entries()) {
    const exported = path.join(scratch, `${index}.parquet`);
    const outcome = await readDatabase(context, database, { scratch, output: exported }, signal);
    if (outcome instanceof AkoshaError) {
      unread.push({ database, fault: outcome });
      continue;
    }
    checkSums(record, database, outcome);
    read.push({ exported, result: outcome, database });
  }
  failPoint('ingest.after-export');
  if (read.length === 0) throw unread[0]?.fault ?? unreadable(record, 'lists no databases');
  const rowsFile = path.join(scratch, 'rows.parquet');
  await context.reader.mergeExports(
    {
      inputs: read.map(({ exported, database }) => ({ path: exported, name: database.file.name })),
      scratch,
      output: rowsFile,
      timeZone: manifest.timeZone ?? zoneOfSystem(context, record.systemId),
      uploadedAt: manifest.createdAt,
      asOf,
    },
    { signal },
  );
  const covers = coveredKinds(manifest, read);
  return {
    upload: { systemId: record.systemId, uploadId: record.uploadId },
    rowsFile,
    covers,
    mirrors: isMirrored(context, record) ? covers : [],
    files: [
      ...read.flatMap(({ database, result }) => describeRead(database, result)),
      ...unread.flatMap(({ database, fault }) => describeUnread(database, fault.message)),
    ],
    refused: read.reduce((sum, { result }) => sum + sumOf(result.skipped), 0),
    reader: [...new Set(read.flatMap(({ database, result }) => readersOf(database, result)))].join(', '),
    asOf,
  };
}

function sumOf(counts: Partial<Record<Kind, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The rows, or why there are none: of a database that its host could not read either, no more was to be expected. */
async function readDatabase(
  context: IngestContext,
  { stored, file, logs }: FetchedDatabase,
  places: { scratch: string; output: string },
  signal: AbortSignal | undefined,
): Promise<ExportResult | AkoshaError> {
  try {
    return await context.reader.exportDatabase({ stored, label: file.name, logs, ...places }, { signal });
  } catch (error) {
    if (hasFlag(file, 'unread') && isAkoshaError(error, 'DatabaseUnreadable')) return error;
    throw error;
  }
}

async function readManifest(
  context: IngestContext,
  record: UploadRecord,
  signal: AbortSignal | undefined,
): Promise<Manifest> {
  const bytes = await context.uploads
    .get(manifestKey(record.place), { maxBytes: MAX_MANIFEST_BYTES, ...signalOption(signal) })
    .catch((error: unknown) => {
      // It stood when the upload was queued, and nobody writes it a second time.
      throw isAkoshaError(error, 'ObjectNotFound') ? unreadable(record, 'its manifest is missing') : error;
    });
  if (createHash('sha256').update(bytes).digest('hex') !== record.manifestSha256) {
    throw unreadable(record, 'its manifest is not the one that was queued: an upload id is never used twice');
  }
  return parseManifest(record.place, bytes);
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
