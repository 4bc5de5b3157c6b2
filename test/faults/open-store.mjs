import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openObjectStore } from '../../dist/objects/index.js';
import { openEmbeddedStore } from '../../dist/store/index.js';

/** The store of a data folder whose objects stand in it too, for a program that dies with it. `now` is the system's clock. */
export async function openStore(folder, now = Date.now) {
  const scratch = join(folder, 'scratch');
  await mkdir(scratch, { recursive: true });
  const archive = await openObjectStore(`file://${join(folder, 'objects')}`);
  const hashFile = async (file) => {
    const content = await readFile(file);
    return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  };
  const store = await openEmbeddedStore({
    dataFolder: folder,
    archive,
    policy: { hotDays: 7, warmDays: 90, coldBatchRows: 1000, coldOverdueDays: 7, retentionDays: 2557 },
    memoryMb: 256,
    coldCacheBytes: 2 ** 20,
    leaseMs: 60_000,
    hashFile,
    now,
  });
  return { store, archive, scratch, hashFile };
}
