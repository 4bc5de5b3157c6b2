import { z } from 'zod';
import { KINDS } from '../../contract/index.js';

const RowsByKind = z.partialRecord(z.enum(KINDS), z.number().int().nonnegative());

/**
 * What an upload says of the host's databases, remembered so that the next one can leave out what is unchanged. Two databases of one digest
 * hold the same rows, whatever their bytes.
 */
export const UploadContentsSchema = z.object({
  timeZone: z.string(),
  databases: z.array(
    z.object({
      name: z.string(),
      digest: z.string(),
      /** Null: nobody could count them, so it may hold any kind. */
      rows: RowsByKind.nullable(),
      /** The upload that has the file itself. */
      uploadId: z.string(),
    }),
  ),
  /** Databases that could not be read, and the kinds they held when they last could; null: not known. */
  omitted: z.array(z.object({ name: z.string(), kinds: z.array(z.enum(KINDS)).nullable() })),
});
export type UploadContents = z.infer<typeof UploadContentsSchema>;
export type DatabaseContents = UploadContents['databases'][number];

export const ContentsColumn = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(UploadContentsSchema)
  .nullable();
