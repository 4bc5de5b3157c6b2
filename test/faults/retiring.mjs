// Deletes the raw uploads in a data folder whose days are over, with a backup before and after, and prints what stands of uploads. With a
// fail point it dies. Usage: node retiring.mjs DATA_FOLDER NOW
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inTurn } from '../../dist/ingest/index.js';
import { retireUploads, takeBackup } from '../../dist/maintenance/index.js';
import { openObjectStore } from '../../dist/objects/index.js';
import { openEmbeddedStore } from '../../dist/store/index.js';

const [folder, time] = process.argv.slice(2);
const now = () => Number(time);
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
  now,
});
const backUp = () => takeBackup({ store, archive, scratch, hashFile, keep: 2 });
await backUp();
const context = { store, uploads: archive, keepMs: 7 * 86_400_000, now, inTurn };
for (let after = null; ;) {
  const { next } = await retireUploads(context, after);
  if (next === null) break;
  after = next;
}
await backUp();
for await (const { objects } of archive.list('systems/'))
  for (const { key } of objects) process.stdout.write(`${key}\n`);
await store.close();
