import { z } from 'zod';
import { BACKUP_POINTER, isAkoshaError } from '../../contract/index.js';
import type { ObjectStore } from '../../objects/index.js';

/** `backup/latest.json`: the backup that counts. */
const BackupPointerSchema = z.looseObject({
  format_version: z.literal(1),
  key: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  rows: z.number(),
  taken_at: z.iso.datetime(),
});
export type BackupPointer = z.infer<typeof BackupPointerSchema>;

/** Undefined where there is none, or what is there is none: the backups themselves tell their order and are whole or not by their names. */
export async function readPointer(archive: ObjectStore): Promise<BackupPointer | undefined> {
  try {
    const bytes = await archive.get(BACKUP_POINTER);
    return BackupPointerSchema.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch (error) {
    if (isAkoshaError(error, 'ObjectNotFound') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
