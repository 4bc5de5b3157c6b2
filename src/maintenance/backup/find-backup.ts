import { BACKUP_PREFIX, isAkoshaError, parseBackupKey } from '../../contract/index.js';
import type { ObjectStore } from '../../objects/index.js';
import type { HashFile } from './hash-file.js';
import { readPointer } from './pointer.js';

export interface FoundBackup {
  key: string;
  /** Milliseconds since 1970. */
  takenAt: number;
}

/**
 * Fetches the newest backup that is whole: the one that the pointer names, else the newest by its name. What is broken is passed over and told.
 * Undefined where there is none.
 */
export async function fetchBackup(
  { archive, hashFile }: { archive: ObjectStore; hashFile: HashFile },
  file: string,
  onBroken: (key: string) => void,
): Promise<FoundBackup | undefined> {
  const pointer = await readPointer(archive);
  const keys: string[] = [];
  for await (const { objects } of archive.list(BACKUP_PREFIX, { purpose: 'open' }))
    keys.push(...objects.map(({ key }) => key));
  // The pointer before the names, whose times are those of a clock that may have been set back since.
  const candidates = new Set([...(pointer === undefined ? [] : [pointer.key]), ...keys.toSorted().reverse()]);
  for (const key of candidates) {
    const named = parseBackupKey(key);
    if (named === undefined) continue;
    const sha256 = key === pointer?.key ? pointer.sha256 : named.hash;
    if (await isWhole({ archive, hashFile }, { key, file, sha256 })) return { key, takenAt: named.takenAt };
    onBroken(key);
  }
  return undefined;
}

async function isWhole(
  { archive, hashFile }: { archive: ObjectStore; hashFile: HashFile },
  { key, file, sha256 }: { key: string; file: string; sha256: string },
): Promise<boolean> {
  try {
    await archive.getFile(key, file);
  } catch (error) {
    if (isAkoshaError(error, 'ObjectNotFound')) return false;
    throw error;
  }
  return (await hashFile(file)).sha256.startsWith(sha256);
}
