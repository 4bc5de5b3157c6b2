import { z } from 'zod';
import { AkoshaError, KINDS, type Kind, type UploadRef } from '../contract/index.js';
import { originalUploadOrder } from './order.js';

/** A file of an upload, as its manifest describes it. Null: the manifest does not say. */
export interface UploadedFile {
  name: string;
  /** Of the object as stored, that is, after compression. */
  storedBytes: number | null;
  storedSha256: string | null;
  rawBytes: number | null;
  rawSha256: string | null;
  /** Rows the host counted in its snapshot. */
  rows: Readonly<Partial<Record<Kind, number>>> | null;
}

export interface OmittedDatabase {
  name: string;
  reason: string;
}

/** An upload's manifest, whichever dialect it was written in. */
export interface Manifest extends UploadRef {
  dialect: 'akosha' | 'session-buddy';
  /** When the host made its snapshot, by the host's clock: milliseconds since 1970. */
  createdAt: number;
  order: number;
  /**
   * The order of the host's upload before this one; null for its first, undefined where the dialect does not
   * say.
   */
  previousOrder: number | null | undefined;
  /** IANA zone of the writer's timestamps; null: unknown. */
  timeZone: string | null;
  files: readonly UploadedFile[];
  omitted: readonly OmittedDatabase[];
  uploader: string;
}

export const MANIFEST_FORMAT_VERSION = 1;

/** A manifest is small; a larger object under its name is an attack or a mistake. */
export const MAX_MANIFEST_BYTES = 1_048_576;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');
const FileName = z
  .string()
  .max(255)
  .regex(/^[A-Za-z0-9_.-]+$/, 'may hold letters, digits, "_", "." and "-" only')
  .refine((name) => !name.includes('..'), 'must not hold ".."');
const Bytes = z.number().int().nonnegative();
const Order = z.number().int().positive();

const TimeZone = z.string().refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin');

/**
 * Ours: the original's field names, and what it lacked. Unknown keys pass, so that a later version can add
 * some.
 */
const AkoshaManifest = z.looseObject({
  format_version: z.literal(MANIFEST_FORMAT_VERSION),
  upload_id: z.string(),
  system_id: z.string(),
  timestamp: z.iso.datetime(),
  order: Order,
  previous_order: Order.nullable(),
  time_zone: TimeZone,
  files: z
    .array(
      z.looseObject({
        name: FileName,
        path: z.string(),
        size_bytes: Bytes,
        compression: z.enum(['gzip', 'none']),
        checksum: Sha256,
        raw_size_bytes: Bytes,
        raw_checksum: Sha256,
        rows: z.partialRecord(z.enum(KINDS), Bytes),
      }),
    )
    .max(1000),
  omitted: z.array(z.object({ name: z.string(), reason: z.string() })),
  metadata: z.looseObject({ uploader: z.string(), version: z.string() }),
});

/** Session-Buddy's: sizes are 0 and checksums empty, so both count as unknown. */
const SessionBuddyManifest = z.looseObject({
  upload_id: z.string(),
  system_id: z.string(),
  timestamp: z.iso.datetime({ offset: true }),
  files: z
    .array(
      z.looseObject({
        name: FileName,
        size_bytes: Bytes.optional(),
        compression: z.enum(['gzip', 'none']).optional(),
        checksum: z.union([z.literal(''), Sha256]).optional(),
      }),
    )
    .max(1000),
  metadata: z.looseObject({ uploader: z.string().optional() }).optional(),
});

export type AkoshaManifestJson = z.infer<typeof AkoshaManifest>;

/**
 * Reads a manifest found at `ref`'s place. Raises `UploadUnreadable`, naming the field and the rule, for JSON
 * of any other shape, and for a manifest that names another upload than the folder it lies in.
 */
export function parseManifest(ref: UploadRef, bytes: Buffer): Manifest {
  const json = parseJson(ref, bytes);
  const ours = typeof json === 'object' && json !== null && 'format_version' in json;
  const manifest = ours ? fromAkosha(ref, json) : fromSessionBuddy(ref, json);
  if (manifest.uploadId !== ref.uploadId || manifest.systemId !== ref.systemId) {
    throw unreadable(ref, `names upload ${manifest.uploadId} of system ${manifest.systemId}`);
  }
  return manifest;
}

function fromAkosha(ref: UploadRef, json: unknown): Manifest {
  const manifest = check(ref, AkoshaManifest, json);
  return {
    dialect: 'akosha',
    systemId: manifest.system_id,
    uploadId: manifest.upload_id,
    createdAt: Date.parse(manifest.timestamp),
    order: manifest.order,
    previousOrder: manifest.previous_order,
    timeZone: manifest.time_zone,
    files: manifest.files.map((file) => ({
      name: file.name,
      storedBytes: file.size_bytes,
      storedSha256: file.checksum,
      rawBytes: file.raw_size_bytes,
      rawSha256: file.raw_checksum,
      rows: file.rows,
    })),
    omitted: manifest.omitted,
    uploader: manifest.metadata.uploader,
  };
}

function fromSessionBuddy(ref: UploadRef, json: unknown): Manifest {
  const manifest = check(ref, SessionBuddyManifest, json);
  const order = originalUploadOrder(manifest.upload_id);
  if (order === undefined)
    throw unreadable(ref, 'upload_id: must begin with a time such as 20261122_120850_');
  return {
    dialect: 'session-buddy',
    systemId: manifest.system_id,
    uploadId: manifest.upload_id,
    createdAt: Date.parse(manifest.timestamp),
    order,
    previousOrder: undefined,
    timeZone: null,
    files: manifest.files.map((file) => ({
      name: file.name,
      storedBytes: file.size_bytes === undefined || file.size_bytes === 0 ? null : file.size_bytes,
      storedSha256: file.checksum === undefined || file.checksum === '' ? null : file.checksum,
      rawBytes: null,
      rawSha256: null,
      rows: null,
    })),
    omitted: [],
    uploader: manifest.metadata?.uploader ?? 'session-buddy',
  };
}

/** The bytes of our own manifest. Takes the wire shape, so that writer and reader share one schema. */
export function serializeManifest(manifest: AkoshaManifestJson): string {
  return `${JSON.stringify(AkoshaManifest.parse(manifest), null, 2)}\n`;
}

function parseJson(ref: UploadRef, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw unreadable(ref, `is not JSON (${String(error)})`);
  }
}

function check<T>(ref: UploadRef, schema: z.ZodType<T>, json: unknown): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const faults = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'manifest'}: ${issue.message}`,
  );
  throw unreadable(ref, faults.join('; '));
}

function unreadable(ref: UploadRef, rule: string): AkoshaError {
  return new AkoshaError(
    'UploadUnreadable',
    `manifest of upload ${ref.uploadId} of system ${ref.systemId}: ${rule}`,
    {
      details: { ...ref, rule },
    },
  );
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
