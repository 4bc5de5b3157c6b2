// Gives up one more upload in a data folder, takes a backup, and prints how many it has. With a fail point it dies.
// Usage: node backing-up.mjs DATA_FOLDER
import { takeBackup } from '../../dist/maintenance/index.js';
import { openStore } from './open-store.mjs';

const [folder] = process.argv.slice(2);
const { store, archive, scratch, hashFile } = await openStore(folder);
const ref = { systemId: 'host-1', uploadId: `u${process.pid}` };
await store.registerUploads([
  { ...ref, order: process.pid, previousOrder: null, manifestSha256: 'x', createdAt: Date.now() },
]);
await store.quarantine(ref, 'a test');
await store.drop(ref, { by: 'somebody', reason: 'a test' });
await takeBackup({ store, archive, scratch, hashFile, keep: 2 });
process.stdout.write(`${(await store.countUploads()).dropped}\n`);
await store.close();
