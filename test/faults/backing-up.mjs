// Gives up one more upload in a data folder, takes a backup, and prints how many it has. With a fail point it dies.
// Usage: node backing-up.mjs DATA_FOLDER
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { takeBackup } from '../../dist/maintenance/index.js';
import { openObjectStore } from '../../dist/objects/index.js';
import { openEmbeddedStore } from '../../dist/store/index.js';

const [folder] = process.argv.slice(2);
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
  policy: { hotDays: 7, warmDays: 90, coldBatchRows: 1000, coldOverdueDays: 7 },
  memoryMb: 256,
  coldCacheBytes: 2 ** 20,
  leaseMs: 60_000,
  hashFile,
  now: Date.now,
});
const ref = { systemId: 'host-1', uploadId: `u${process.pid}` };
await store.registerUploads([
  { ...ref, order: process.pid, previousOrder: null, manifestSha256: 'x', createdAt: Date.now() },
]);
await store.quarantine(ref, 'a test');
await store.drop(ref, { by: 'somebody', reason: 'a test' });
await takeBackup({ store, archive, scratch, hashFile, keep: 2 });
process.stdout.write(`${(await store.countUploads()).dropped}\n`);
await store.close();
