// Ingests one upload in a data folder, having printed how many attempts at it are on record. With a fail point it dies.
// Usage: node dying-ingest.mjs DATA_FOLDER DATABASE
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestKey, uploadPrefix } from '../../dist/contract/index.js';
import { ingestUpload, registerUpload } from '../../dist/ingest/index.js';
import { openObjectStore } from '../../dist/objects/index.js';
import { ReaderPool } from '../../dist/reader/index.js';
import { openEmbeddedStore } from '../../dist/store/index.js';

const [folder, database] = process.argv.slice(2);
const ref = { systemId: 'laptop', uploadId: '20261122_100000_laptop' };
const scratch = join(folder, 'scratch');
await mkdir(scratch, { recursive: true });
const uploads = await openObjectStore(`file://${join(folder, 'objects')}`);
await uploads.put(`${uploadPrefix(ref)}notes.duckdb`, await readFile(database));
const manifest = {
  upload_id: ref.uploadId,
  system_id: ref.systemId,
  timestamp: '2026-11-22T10:00:00Z',
  files: [{ name: 'notes.duckdb' }],
};
await uploads.put(manifestKey(ref), JSON.stringify(manifest));

const reader = new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 60_000 });
const store = await openEmbeddedStore({
  dataFolder: folder,
  archive: uploads,
  policy: { hotDays: 7, warmDays: 90, coldBatchRows: 1000, coldOverdueDays: 7 },
  memoryMb: 256,
  coldCacheBytes: 2 ** 20,
  leaseMs: 60_000,
  hashFile: (path) => reader.hashFile(path),
  now: Date.now,
});
const context = { store, uploads, reader, scratch, clock: () => Date.parse('2026-11-22T12:00:00Z') };
await registerUpload(context, ref);
process.stdout.write(`${(await store.getUpload(ref)).attempts}\n`);
await ingestUpload(context, ref);
