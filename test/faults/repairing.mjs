// Repairs the hot tier of a data folder, and prints what it came to. With a fail point it dies.
// Usage: node repairing.mjs DATA_FOLDER
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repairTier } from '../../dist/maintenance/index.js';
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
// A row each, so that whatever kills it leaves some for the next.
const context = { store, archive, scratch, batchRows: 1, thawedMs: 0, longestMs: 0, now: Date.now };
const { lost, repaired } = await repairTier(context, 'hot', () => undefined);
process.stdout.write(JSON.stringify({ lost, repaired, damaged: store.damaged() }));
await store.close();
