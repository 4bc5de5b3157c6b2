import { z } from 'zod';
import { isTimeZone, KINDS } from '../contract/index.js';

export const MANIFEST_FORMAT_VERSION = 1;

/** A host has a handful of databases. */
const MAX_FILES = 1000;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');
const FileName = z
  .string()
  .max(255)
  .regex(/^[A-Za-z0-9_.-]+$/, 'may hold letters, digits, "_", "." and "-" only')
  .refine((name) => name !== '.' && !name.includes('..'), 'must not hold "..", nor be a dot alone');
const Bytes = z.number().int().nonnegative();
const RowsByKind = z.partialRecord(z.enum(KINDS), Bytes);
const Order = z.number().int().positive();

/** W3C Trace Context, version 00: https://www.w3.org/TR/trace-context/#traceparent-header. */
export const Traceparent = z.string().regex(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/);

export const TimeZone = z.string().refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin');

/**
 * Ours: the original's field names, and what it lacked. Unknown keys pass, so that a later version can add
 * some.
 */
export const AkoshaManifest = z.looseObject({
  format_version: z.literal(MANIFEST_FORMAT_VERSION),
  upload_id: z.string(),
  system_id: z.string(),
  timestamp: z.iso.datetime(),
  order: Order,
  previous_order: Order.nullable(),
  time_zone: TimeZone,
  partial: z.boolean().optional(),
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
        rows: RowsByKind,
        // Absent in manifests of earlier versions.
        reader: z.string().max(200).optional(),
        flags: z.array(z.string().max(100)).max(100).optional(),
        excluded: RowsByKind.optional(),
        rows_digest: Sha256.optional(),
      }),
    )
    .max(MAX_FILES)
    .refine(areDistinct, 'must not name a file twice'),
  // Absent in manifests of earlier versions.
  unchanged: z
    .array(z.object({ name: FileName, upload_id: z.string(), rows: RowsByKind, rows_digest: Sha256 }))
    .max(MAX_FILES)
    .optional(),
  omitted: z
    .array(z.object({ name: z.string(), reason: z.string(), kinds: z.array(z.enum(KINDS)).optional() }))
    .max(MAX_FILES),
  // Of the trace in which the host made it. One in another form is no reason to refuse an upload.
  traceparent: Traceparent.optional().catch(undefined),
  metadata: z.looseObject({ uploader: z.string(), version: z.string() }),
});

/** Session-Buddy's: sizes are 0 and checksums empty, so both count as unknown. */
export const SessionBuddyManifest = z.looseObject({
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
    .max(MAX_FILES)
    .refine(areDistinct, 'must not name a file twice'),
  metadata: z.looseObject({ uploader: z.string().optional() }).optional(),
});

/**
 * What the original server wanted to find beside a `memories.json`, in folders that say whose it is. Its `conversation_count`,
 * `total_size_bytes` and `checksum` (of the manifest itself) were never compared with anything, so they are not held against a file;
 * whether that is compressed its first bytes say. A time without a zone, which crashed the original, is UTC.
 */
export const ConsumerManifest = z.looseObject({
  uploaded_at: z.iso.datetime({ offset: true, local: true }),
  conversation_count: Bytes,
  upload_id: z.string().optional(),
  system_id: z.string().optional(),
  compression_format: z.literal('gzip').nullable().optional(),
  files: z
    .array(FileName)
    .max(MAX_FILES)
    .refine((names) => areDistinct(names.map((name) => ({ name }))), 'must not name a file twice')
    .optional(),
});

export type AkoshaManifestJson = z.infer<typeof AkoshaManifest>;

/** Where case does not count either: on some machines such names are one file. */
function areDistinct(files: readonly { name: string }[]): boolean {
  return new Set(files.map(({ name }) => name.toLowerCase())).size === files.length;
}
