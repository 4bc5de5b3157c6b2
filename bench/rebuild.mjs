/**
 * How long a rebuild of the store from object storage takes, with a backup and without one. The memories came there by upload, ingest and
 * tier transition. Usage: node bench/rebuild.mjs [--rows 100000] [--systems 20]
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { readFound } from '../dist/ingest/index.js';
import { rebuildStore, takeBackup } from '../dist/maintenance/index.js';
import { openObjectStore } from '../dist/objects/index.js';
import { hashStored, ReaderPool } from '../dist/reader/index.js';
import { openRebuild } from '../dist/store/index.js';
import { NOW, openBench, POLICY, printTable } from './support.mjs';
import { writeDatabase } from './synthetic.mjs';

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '100000' }, systems: { type: 'string', default: '20' } },
});
const [rows, systems] = [Number(values.rows), Number(values.systems)];

const bench = await openBench();
const archive = await openObjectStore(pathToFileURL(join(bench.folder, 'objects')).href);
const reader = new ReaderPool({ size: 1, memoryLimitMb: 512, jobTimeoutMs: 600_000 });
const hashFile = (file) => hashStored(reader, file);
const scratch = join(bench.folder, 'rebuild-scratch');
await mkdir(scratch);
try {
  for (let system = 0; system < systems; system++) {
    const database = join(bench.folder, `host-${system}.duckdb`);
    await writeDatabase(database, Math.ceil(rows / systems), (system + 1) / (systems + 1));
    await bench.ingest(`host-${system}`, [database]);
    await rm(database);
  }
  await bench.age();
  const lines = [['', 'rows read', 'objects', 'seconds', 'rows a second', 'resident MiB']];
  lines.push(describe('without a backup', await rebuild('without')));
  await takeBackup({ store: bench.store, archive, scratch, hashFile, keep: 1 });
  lines.push(describe('with a backup', await rebuild('with')));
  printTable(lines);
} finally {
  await reader.close();
  await archive.close();
  await bench.close();
}

/** In a folder of its own, from the objects that stand. The wait for the dead is left out: it is a setting. */
async function rebuild(name) {
  const store = await openRebuild({
    dataFolder: join(bench.folder, name),
    archive,
    policy: POLICY,
    memoryMb: 1024,
    coldCacheBytes: 2 ** 30,
    leaseMs: 900_000,
    hashFile,
    now: Date.now,
    asOf: NOW,
  });
  try {
    return await rebuildStore({
      rebuild: store,
      uploads: archive,
      archive,
      scratch,
      readManifest: async (place) => (await readFound({ uploads: archive }, place))?.upload,
      hashFile,
      longestMs: 0,
      oldServerDeadSince: null,
      skipDamaged: false,
      now: Date.now,
      onProgress: () => undefined,
      onDamaged: () => undefined,
    });
  } finally {
    await store.close();
  }
}

function describe(name, { rows: read, journals, cold, ms }) {
  const resident = Math.round(process.memoryUsage().rss / 2 ** 20);
  return [name, read, journals + cold, (ms / 1000).toFixed(1), Math.round(read / (ms / 1000)), resident];
}
