// Repairs the hot tier of a data folder, and prints what it came to. With a fail point it dies.
// Usage: node repairing.mjs DATA_FOLDER
import { repairTier } from '../../dist/maintenance/index.js';
import { openStore } from './open-store.mjs';

const [folder] = process.argv.slice(2);
const { store, archive, scratch } = await openStore(folder);
// A row each, so that whatever kills it leaves some for the next.
const context = { store, archive, scratch, batchRows: 1, thawedMs: 0, longestMs: 0, now: Date.now };
const { lost, repaired } = await repairTier(context, 'hot', () => undefined);
process.stdout.write(JSON.stringify({ lost, repaired, damaged: store.damaged() }));
await store.close();
