import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compareKeys, isKey } from './keys.js';
import { codeOf } from './local-files.js';

/**
 * The keys of the files under `root` that begin with `prefix` and come after `startAfter`, in S3's order, the bytes of
 * the whole key. A folder is compared with its `/`, so that a depth-first walk is in that order and only the
 * entries of the folders on the way down are in memory. A folder that vanishes meanwhile is an empty one. Raises the
 * operating system's errors.
 */
export async function* walkFiles(root: string, prefix: string, startAfter: string): AsyncGenerator<string> {
  const wanted = (key: string): boolean =>
    key.endsWith('/')
      ? mayHold(key, prefix, startAfter)
      : key.startsWith(prefix) && compareKeys(key, startAfter) > 0;
  const pending = [prefix.slice(0, prefix.lastIndexOf('/') + 1)];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next === '' || next.endsWith('/')) {
      const entries = (await readEntries(root, next)).filter(wanted);
      // One by one: a folder's entries can be more than a call takes as arguments.
      for (const entry of entries.reverse()) pending.push(entry);
    } else {
      yield next;
    }
  }
}

/** What a folder holds, in order: `folder/name` for a file, `folder/name/` for a folder. */
export async function readEntries(root: string, folder: string): Promise<string[]> {
  const found: { key: string; bytes: Buffer }[] = [];
  for (const entry of await readFolder(join(root, folder))) {
    const key = folder + entry.name;
    // Pipes, links and names that break the rule of keys are no objects, and nothing of ours.
    if (!isKey(key) || !(entry.isFile() || entry.isDirectory())) continue;
    const name = entry.isDirectory() ? `${entry.name}/` : entry.name;
    found.push({ key: folder + name, bytes: Buffer.from(name) });
  }
  return found.sort((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ key }) => key);
}

async function readFolder(
  path: string,
): Promise<{ name: string; isFile(): boolean; isDirectory(): boolean }[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

function mayHold(folder: string, prefix: string, startAfter: string): boolean {
  if (!folder.startsWith(prefix) && !prefix.startsWith(folder)) return false;
  return startAfter.startsWith(folder) || compareKeys(folder, startAfter) > 0;
}
