// Deletes the raw uploads in a data folder whose days are over, with a backup before and after, and prints what stands of uploads. With a
// fail point it dies. Usage: node retiring.mjs DATA_FOLDER NOW
import { inTurn } from '../../dist/ingest/index.js';
import { retireUploads, takeBackup } from '../../dist/maintenance/index.js';
import { openStore } from './open-store.mjs';

const [folder, time] = process.argv.slice(2);
const now = () => Number(time);
const { store, archive, scratch, hashFile } = await openStore(folder, now);
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
