import path from 'node:path';
import {
  AkoshaError,
  BACKUP_POINTER,
  BACKUP_PREFIX,
  backupKey,
  isAkoshaError,
  parseBackupKey,
} from '../../contract/index.js';
import { failPoint } from '../../faults/index.js';
import type { ObjectStore } from '../../objects/index.js';
import { inScratch } from '../../runtime/index.js';
import type { BackupStore, ScrubStore } from '../../store/index.js';
import type { HashFile } from './hash-file.js';
import type { BackupPointer } from './pointer.js';

export interface BackupContext {
  store: BackupStore & Pick<ScrubStore, 'movingStop'>;
  /** `backup/`. */
  archive: ObjectStore;
  /** A folder for files in transit. */
  scratch: string;
  hashFile: HashFile;
  /** How many backups are kept. */
  keep: number;
}

export interface BackupOutcome {
  /** Null where nothing had changed. */
  key: string | null;
  rows: number;
}

/**
 * Puts what object storage does not tell by itself under `backup/`, where it changed since the last time. The file is put create-only, read back,
 * and named by the pointer; only then does anything count as saved. A crash at any point costs the next backup and no more.
 */
export async function takeBackup(context: BackupContext): Promise<BackupOutcome> {
  if ((await context.store.unsaved()) === 0) return { key: null, rows: 0 };
  return inScratch(context.scratch, 'backup-', async (scratch) => {
    const file = path.join(scratch, 'backup.jsonl.gz');
    const { rows, seq, takenAt } = await context.store.writeBackup(file);
    failPoint('backup.after-write');
    const pointer = await putBackup(context, { file, rows, takenAt });
    failPoint('backup.after-put');
    await context.archive.put(BACKUP_POINTER, JSON.stringify(pointer), { contentType: 'application/json' });
    failPoint('backup.after-pointer');
    await context.store.markSaved(seq);
    failPoint('backup.after-saved');
    // What a scrub found may be in the newest as well: then those of before are of use.
    if ((await context.store.movingStop()) === undefined) await prune(context, pointer.key);
    failPoint('backup.after-prune');
    return { key: pointer.key, rows };
  });
}

async function putBackup(
  { archive, hashFile }: BackupContext,
  { file, rows, takenAt }: { file: string; rows: number; takenAt: number },
): Promise<BackupPointer> {
  const { bytes, sha256 } = await hashFile(file);
  const key = backupKey(takenAt, sha256);
  await archive.putFile(key, file, { createOnly: true }).catch((error: unknown) => {
    // The name holds its hash: what is there is this very file, whose answer was lost, or is found out below.
    if (!isAkoshaError(error, 'ObjectExists')) throw error;
  });
  await archive.getFile(key, `${file}.back`);
  const back = await hashFile(`${file}.back`);
  if (back.sha256 !== sha256)
    throw new AkoshaError('ObjectCorrupt', `${key} read back is not what was written`);
  return { format_version: 1, key, bytes, sha256, rows, taken_at: new Date(takenAt).toISOString() };
}

/** All but the newest, and never the one that the pointer names: a clock may have been set back. */
async function prune({ archive, keep }: BackupContext, current: string): Promise<void> {
  const keys: string[] = [];
  for await (const { objects } of archive.list(BACKUP_PREFIX, { purpose: 'other' }))
    keys.push(...objects.map(({ key }) => key).filter((key) => parseBackupKey(key) !== undefined));
  const old = keys.toSorted().slice(0, -keep);
  const gone = old.filter((key) => key !== current);
  if (gone.length > 0) await archive.delete(gone);
}
