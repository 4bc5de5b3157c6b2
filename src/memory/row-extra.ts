import { z } from 'zod';
import { TimeZone } from './manifest-shapes.js';

/** The key of a memory's `metadata` under which our agents send `RowExtra` besides what Session-Buddy sends. */
export const ROW_EXTRA_KEY = 'akosha';

/** A part's id is the upload's with 17 characters behind it, and an upload's id has at most 128. */
const UploadId = z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,110}$/);
const Order = z.int().positive();

/**
 * What Session-Buddy's own arguments leave out of a memory: enough for the server to store the row as the host's database has it, with
 * the same content hash, as a part of one of the host's uploads.
 */
export const RowExtra = z.object({
  format: z.literal(1),
  upload_id: UploadId,
  /** When the host made its snapshot. */
  created_at: z.iso.datetime(),
  order: Order,
  /** Whether that is known to be the upload's place among this system's (see the server's `ClientUpload`). */
  order_is_known: z.boolean(),
  previous_order: Order.nullable(),
  /** Of the row's timestamps. */
  time_zone: TimeZone,
  /** Of the text, how many UTF-16 code units are the content; what follows was put there for readers without `fields`. */
  content_length: z.int().nonnegative().optional(),
  /** Every column that has no place of its own in the row format. */
  fields: z.record(z.string(), z.unknown()),
  project: z.string().nullable(),
  tags: z.array(z.string().nullable()).nullable(),
  /** Of an entity, whose own arguments have none. */
  embedding: z.array(z.number()).nullable().optional(),
});
export type RowExtra = z.infer<typeof RowExtra>;
