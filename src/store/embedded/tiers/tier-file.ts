import { rename, stat } from 'node:fs/promises';
import { AkoshaError } from '../../../contract/index.js';
import { isMissing } from '../../../runtime/index.js';

/** A file's own name, and those of its logs: what is committed and not yet in it, and the two that DuckDB makes of that while it folds it in. */
const SUFFIXES = ['', '.wal', '.wal.checkpoint', '.wal.recovery'];

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
 * whoever wants to know what happened.
 */
export async function moveAside(file: string): Promise<string> {
  const aside = `${file}.damaged-${Date.now()}`;
  for (const suffix of SUFFIXES) {
    await rename(file + suffix, aside + suffix).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }
  return aside;
}
