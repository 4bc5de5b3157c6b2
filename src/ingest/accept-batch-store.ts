import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ulid } from 'ulid';
import { z } from 'zod';
import {
  inboxKey,
  isAkoshaError,
  KINDS,
  manifestKey,
  uploadPrefix,
  type Kind,
  type UploadRef,
} from '../contract/index.js';
import {
  MANIFEST_FORMAT_VERSION,
  MAX_MANIFEST_BYTES,
  parseManifest,
  serializeManifest,
  type AkoshaManifestJson,
} from '../memory/index.js';
import type { BuiltDatabase } from '../reader/index.js';
import { inScratch } from '../runtime/index.js';
import { partId, type AllottedOrder, type ClientUpload } from './accept-batch-order.js';
import type { IngestContext } from './context.js';

/** Rows of one system and one client upload, one line of the row format for each, no key twice. */
export interface RowGroup {
  systemId: string;
  upload: ClientUpload | undefined;
  /** IANA zone of the rows' timestamps. */
  timeZone: string;
  /** Of the trace that the upload belongs to, where there is one. */
  traceparent: string | undefined;
  kinds: ReadonlySet<Kind>;
  lines: readonly string[];
}

export interface StoreOptions {
  /** The machine's clock, milliseconds since 1970. */
  now: () => number;
  /** Of this program. */
  version: string;
}

export interface StoredGroup {
  ref: UploadRef;
  /** By this server's clock, milliseconds since 1970. */
  storedAt: number;
  order: number;
}

/**
 * Stores rows as an upload: the file, the manifest, the inbox entry, in this order; when it returns, they are promised. The same rows
 * of the same client upload have the same id: they are stored once, and the answer is the first one's.
 *
 * Raises `BadRequest` for rows that a database cannot hold, and the object store's errors.
 */
export async function storeGroup(
  context: IngestContext,
  group: RowGroup,
  allotted: AllottedOrder,
  { now, version }: StoreOptions,
): Promise<StoredGroup> {
  const ref = { systemId: group.systemId, uploadId: uploadIdOf(group, now()) };
  const standing = group.upload === undefined ? undefined : await findStanding(context, ref);
  if (standing === undefined) {
    const file = await storeFile(context, ref, group);
    const stored = await storeManifest(context, ref, group, { allotted, file, receivedAt: now(), version });
    await context.uploads.put(inboxKey(ref), '');
    return { ref, ...stored };
  }
  // Its first writer may have died before the entry. One too many is cleared away.
  await context.uploads.put(inboxKey(ref), '');
  return { ref, ...standing };
}

function uploadIdOf({ upload, lines }: RowGroup, now: number): string {
  if (upload === undefined) return ulid(now);
  const hash = createHash('sha256');
  for (const line of [...lines].sort()) hash.update(line).update('\n');
  return partId(upload.uploadId, hash.digest('hex'));
}

/** Under a name of its bytes, create-only: of two attempts neither changes a file that the other's manifest names. */
async function storeFile(
  context: IngestContext,
  ref: UploadRef,
  { kinds, lines }: RowGroup,
): Promise<BuiltDatabase & { name: string }> {
  return inScratch(context.scratch, 'accept-', async (scratch) => {
    const rows = path.join(scratch, 'rows.jsonl');
    const output = path.join(scratch, 'memories.duckdb');
    await writeFile(rows, lines.map((line) => `${line}\n`).join(''));
    const asked = KINDS.filter((kind) => kinds.has(kind));
    const built = await context.reader.buildDatabase({
      rows,
      kinds: asked,
      scratch,
      output,
      compression: 'gzip',
    });
    const name = `memories-${built.storedSha256.slice(0, 16)}.duckdb`;
    const options = { createOnly: true, contentType: 'application/gzip' };
    await context.uploads.putFile(uploadPrefix(ref) + name, output, options).catch((error: unknown) => {
      if (!isAkoshaError(error, 'ObjectExists')) throw error;
    });
    return { ...built, name };
  });
}

interface ManifestInput {
  allotted: AllottedOrder;
  file: BuiltDatabase & { name: string };
  receivedAt: number;
  version: string;
}

async function storeManifest(
  context: IngestContext,
  ref: UploadRef,
  group: RowGroup,
  input: ManifestInput,
): Promise<{ storedAt: number; order: number }> {
  const json = serializeManifest(manifestOf(ref, group, input));
  try {
    await context.uploads.put(manifestKey(ref), json, { createOnly: true, contentType: 'application/json' });
    return { storedAt: input.receivedAt, order: input.allotted.order };
  } catch (error) {
    if (!isAkoshaError(error, 'ObjectExists')) throw error;
    // The answer to this very put was lost, or another attempt was quicker: both hold the same rows.
    const standing = await findStanding(context, ref);
    if (standing === undefined) throw error;
    return standing;
  }
}

function manifestOf(
  ref: UploadRef,
  { upload, timeZone, traceparent }: RowGroup,
  { allotted, file, receivedAt, version }: ManifestInput,
): AkoshaManifestJson {
  return {
    format_version: MANIFEST_FORMAT_VERSION,
    upload_id: ref.uploadId,
    system_id: ref.systemId,
    timestamp: new Date(upload?.createdAt ?? receivedAt).toISOString(),
    order: allotted.order,
    previous_order: allotted.previousOrder,
    time_zone: timeZone,
    partial: true,
    files: [
      {
        name: file.name,
        path: uploadPrefix(ref) + file.name,
        size_bytes: file.storedBytes,
        compression: 'gzip',
        checksum: file.storedSha256,
        raw_size_bytes: file.rawBytes,
        raw_checksum: file.rawSha256,
        rows: file.rows,
      },
    ],
    omitted: [],
    ...(traceparent === undefined ? {} : { traceparent }),
    metadata: { uploader: 'akosha-server', version, received_at: receivedAt },
  };
}

const Received = z.looseObject({ metadata: z.looseObject({ received_at: z.number() }) });

async function findStanding(
  context: IngestContext,
  ref: UploadRef,
): Promise<{ storedAt: number; order: number } | undefined> {
  try {
    const bytes = await context.uploads.get(manifestKey(ref), { maxBytes: MAX_MANIFEST_BYTES });
    const { order } = parseManifest(ref, bytes);
    return { order, storedAt: Received.parse(JSON.parse(bytes.toString('utf8'))).metadata.received_at };
  } catch (error) {
    if (isAkoshaError(error, 'ObjectNotFound')) return undefined;
    throw error;
  }
}
