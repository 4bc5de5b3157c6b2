// Lets go what is older than memories are kept in a data folder, and prints what object storage tells of it. With a fail point it dies.
// Usage: node expiring.mjs DATA_FOLDER NOW
import { planCompaction } from '../../dist/maintenance/index.js';
import { openStore } from './open-store.mjs';

const [folder, time] = process.argv.slice(2);
const now = () => Number(time);
const { store, archive, scratch } = await openStore(folder, now);
const context = { store, archive, scratch, batchRows: 1000, thawedMs: 0, longestMs: 0, now };
await planCompaction(context, { all: true, asOf: now(), transitionId: 'a test' });
for await (const { objects } of archive.list('retention/expired/')) {
  for (const { key } of objects) {
    const { decided_by, ended_at, memories } = JSON.parse(await archive.get(key));
    process.stdout.write(`${JSON.stringify({ decided_by, ended: ended_at !== null, memories })}\n`);
  }
}
await store.close();
