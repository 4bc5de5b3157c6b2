import { z } from 'zod';
import { KINDS, type RowCounts } from '../contract/index.js';
import type { FileFlag } from './manifest.js';

const Count = z.number().int().nonnegative();
const RowsByKind = z.partialRecord(z.enum(KINDS), Count);

const ReceiptFile = z.object({
  name: z.string(),
  checksum: z.string(),
  raw_checksum: z.string(),
  // Not in receipts of earlier versions.
  /** What read the file, with its version: on the host, and, if that is another, on the server. */
  reader: z.string().optional(),
  /** Those `FileFlag`s that still hold: rows of it are missing where it has any but `log`. */
  flags: z.array(z.string()).optional(),
  /** Rows that the host's settings kept back, as its manifest says. */
  excluded: RowsByKind.optional(),
  /** Why rows of it were refused, and how many for each reason, as far as the format says. */
  refused: z.record(z.string(), Count).optional(),
  /** Why it was not read, where the upload's other databases were. */
  reason: z.string().optional(),
});

/** Of an upload: how many rows became what. */
export const RowCountsSchema = z.object({
  new: Count,
  changed: Count,
  unchanged: Count,
  refused: Count,
  superseded: Count,
  absent: Count,
  // Not in receipts of earlier versions.
  deleted: Count.default(0),
  // Only where there are any.
  expired: Count.exactOptional(),
});

/** `receipt.json`: what became of an upload. The server writes it from the ledger; the host reads it. */
export const ReceiptSchema = z.looseObject({
  format_version: z.literal(1),
  upload_id: z.string(),
  system_id: z.string(),
  status: z.enum(['ingested', 'quarantined']),
  order: z.number().int(),
  reader: z.string(),
  files: z.array(ReceiptFile),
  rows: RowCountsSchema,
  /** Of these kinds what it lacks is deleted, also what an upload of smaller order brings after it. Absent in receipts of earlier versions. */
  mirrors: z.array(z.enum(KINDS)).optional(),
  /** Rows of all files that the host's settings kept back. Absent in receipts of earlier versions. */
  excluded: RowsByKind.optional(),
  /** Why it was quarantined. */
  reason: z.string().nullable(),
  /** Where a person gave it up in quarantine. */
  dropped: z.object({ by: z.string(), reason: z.string(), at: z.iso.datetime() }).optional(),
  /** Of the last ingest, as are `rows`, `files` and `reader`. */
  ingested_at: z.iso.datetime(),
  /** How many of the refused rows are of what is forgotten: its files go at once. Absent where there are none, and in receipts of earlier versions. */
  forgotten_rows: Count.optional(),
  /** When its files were deleted because of something forgotten: what it brought may not be there any more. */
  forgotten_at: z.iso.datetime().optional(),
  /** Where a person had it ingested again: how often, and what the first ingest did. */
  again: z
    .object({
      times: z.number().int().positive(),
      first: z.object({ ingested_at: z.iso.datetime(), rows: RowCountsSchema }),
    })
    .optional(),
});
export type Receipt = z.infer<typeof ReceiptSchema>;

/**
 * Raises a zod error for a receipt of another shape: only the server writes there, so that is a defect, not
 * input.
 */
export function parseReceipt(bytes: Buffer): Receipt {
  return ReceiptSchema.parse(JSON.parse(bytes.toString('utf8')));
}

/** True where an ingest changed nothing of what the store had. */
export function broughtNothing(rows: RowCounts): boolean {
  return rows.new === 0 && rows.changed === 0 && rows.deleted === 0;
}

/** True where a database was uploaded that nothing here could read; something may be able to when it is uploaded again. */
export function hasUnread({ files }: Receipt): boolean {
  const unread: FileFlag = 'unread';
  return files.some(({ flags = [] }) => flags.includes(unread));
}
