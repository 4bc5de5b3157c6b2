import { mkdtemp, readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Runs `work` with a new folder in `parent`, an absolute path, and removes it with all that is in it whatever came of the work. */
export async function inScratch<T>(
  parent: string,
  prefix: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(resolve(parent), prefix));
  try {
    return await work(folder);
  } finally {
    await removeFolder(folder);
  }
}

/** As a rule there are some files in it and no folders: `rm` would first look at each what it is, twice the turns of the disk. */
async function removeFolder(folder: string): Promise<void> {
  try {
    await Promise.all((await readdir(folder)).map((name) => unlink(join(folder, name))));
    await rmdir(folder);
  } catch {
    await rm(folder, { recursive: true, force: true });
  }
}
