import { link, lstat, rm } from 'node:fs/promises';
import { AkoshaError } from '../contract/index.js';
import { LOG_SUFFIXES } from '../reader/index.js';

/** A log of an earlier database of that name would be worked into a new one by whoever opens it. Raises `BadRequest`. */
export async function refuseExisting(file: string, remedy: string): Promise<void> {
  for (const suffix of ['', ...LOG_SUFFIXES]) {
    const found = await lstat(file + suffix).catch(() => undefined);
    if (found !== undefined) throw exists(file + suffix, remedy);
  }
}

function exists(file: string, remedy: string, cause?: unknown): AkoshaError {
  return new AkoshaError('BadRequest', `${file} exists, and ${remedy}`, { cause });
}

/** Puts files under their names by links, which never replace one that came meanwhile. All of them or none. */
export async function putInPlace(
  built: readonly string[],
  files: readonly string[],
  remedy: string,
): Promise<void> {
  const placed: string[] = [];
  try {
    for (const [i, file] of files.entries()) {
      await link(built[i] ?? '', file).catch((error: unknown) => {
        throw isTaken(error) ? exists(file, remedy, error) : error;
      });
      placed.push(file);
    }
  } catch (error) {
    for (const file of placed) await rm(file, { force: true });
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
