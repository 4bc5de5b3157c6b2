import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { AkoshaError, messageOf } from '../../../contract/index.js';
import { isMissing, syncFolder } from '../../../runtime/index.js';

/** A file's own name, and those of its logs: what is committed and not yet in it, and the two that DuckDB makes of that while it folds it in. */
const SUFFIXES = ['', '.wal', '.wal.checkpoint', '.wal.recovery'];

/** Behind the name of one that is out of use; then the time, in milliseconds since 1970. */
const ASIDE = '.damaged-';

/** Whether there is a file to open. DuckDB takes an empty one for a database to be made. Raises `StoreDamaged` for what is no file. */
export async function hasContent(file: string): Promise<boolean> {
  const found = await stat(file).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (found === undefined) return false;
  if (!found.isFile())
    throw new AkoshaError('StoreDamaged', `${file} is no file, and is left as it is: move it away`);
  return found.size > 0;
}

/**
 * Takes a file out of use, with its logs: they are of no use to another file, and DuckDB would replay them into one. Returns where it is now, kept for
 * whoever wants to know what happened. Nothing reads it: a repair takes rows from the objects that keep them.
 */
export async function moveAside(file: string): Promise<string> {
  const aside = `${file}${ASIDE}${Date.now()}`;
  for (const suffix of SUFFIXES) {
    await rename(file + suffix, aside + suffix).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }
  return aside;
}

/** Deletes a file that nothing was written to yet, with its logs. */
export async function discard(file: string): Promise<void> {
  for (const suffix of SUFFIXES) await rm(file + suffix, { force: true });
}

/** Deletes all that was taken out of use of a file: it may hold what is forgotten, and cannot be read to find out. */
export async function removeSetAside(file: string): Promise<void> {
  const folder = path.dirname(file);
  const names = await readdir(folder);
  const aside = names.filter((name) => name.startsWith(path.basename(file) + ASIDE));
  if (aside.length === 0) return;
  for (const name of aside) await rm(path.join(folder, name), { force: true });
  await syncFolder(folder);
}

export function notOpened(file: string, error: unknown): AkoshaError {
  return new AkoshaError(
    'StoreDamaged',
    `${file} cannot be opened, and is left as it is: ${messageOf(error)}. Correct what that names (permissions, another process, a full disk, a newer version), or move the file away: \`akosha repair\` brings back what it held`,
    { cause: error },
  );
}

export function notOpen(tier: string): AkoshaError {
  return new AkoshaError(
    'StoreBusy',
    `the file of ${tier} is not open: it is being opened anew, and tried again until that works (room on the disk of data_dir, AKOSHA_DATA_DIR; permissions)`,
  );
}
