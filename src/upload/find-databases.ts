import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isMissing } from '../runtime/index.js';

/**
 * The files that a host's list of databases means now. A `*` in a file's name stands for any letters; what it finds is in the order of the
 * names. A path without one is kept, whether there is such a file or not.
 */
export async function findDatabases(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) found.push(...(basename(path).includes('*') ? await expand(path) : [path]));
  return [...new Set(found.map((path) => resolve(path)))];
}

async function expand(path: string): Promise<string[]> {
  const parts = basename(path)
    .split('*')
    .map((part) => part.replaceAll(/[^A-Za-z0-9_]/g, String.raw`\$&`));
  const pattern = new RegExp(`^${parts.join('.*')}$`, 's');
  try {
    const entries = await readdir(dirname(path), { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isDirectory() && pattern.test(entry.name));
    return names.map(({ name }) => join(dirname(path), name)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
