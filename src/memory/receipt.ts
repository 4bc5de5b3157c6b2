import { z } from 'zod';
import type { RowCounts } from '../contract/index.js';

const Count = z.number().int().nonnegative();

/** `receipt.json`: what became of an upload. The server writes it from the ledger; the host reads it. */
export const ReceiptSchema = z.looseObject({
  format_version: z.literal(1),
  upload_id: z.string(),
  system_id: z.string(),
  status: z.enum(['ingested', 'quarantined']),
  order: z.number().int(),
  reader: z.string(),
  files: z.array(z.object({ name: z.string(), checksum: z.string(), raw_checksum: z.string() })),
  rows: z.object({
    new: Count,
    changed: Count,
    unchanged: Count,
    refused: Count,
    superseded: Count,
    absent: Count,
  }),
  /** Why it was quarantined. */
  reason: z.string().nullable(),
  ingested_at: z.iso.datetime(),
});
export type Receipt = z.infer<typeof ReceiptSchema>;

/**
 * Raises a zod error for a receipt of another shape: only the server writes there, so that is a defect, not
 * input.
 */
export function parseReceipt(bytes: Buffer): Receipt {
  return ReceiptSchema.parse(JSON.parse(bytes.toString('utf8')));
}

/** True where an ingest brought nothing the store did not have. */
export function broughtNothing(rows: RowCounts): boolean {
  return rows.new === 0 && rows.changed === 0;
}
