import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { ingestUpload, walkUploads } from '../dist/ingest/index.js';
import { moveRoundToCold, moveRoundToWarm, planTransition, sweep } from '../dist/maintenance/index.js';
import { openObjectStore } from '../dist/objects/index.js';
import { ReaderPool } from '../dist/reader/index.js';
import { openEmbedder } from '../dist/search/index.js';
import { findModel } from '../dist/servers/index.js';
import { openEmbeddedStore } from '../dist/store/index.js';
import { openHost, syncDirectly } from '../dist/upload/index.js';

/** What the samples' times are relative to. */
export const NOW = Date.parse('2026-11-22T12:00:00Z');

export const POLICY = { hotDays: 7, warmDays: 90, coldBatchRows: 1, coldOverdueDays: 0 };

/** Rows per move, where nothing depends on it. */
const BATCH_ROWS = 10_000;

/** The store in a data folder. */
export function openStore(dataFolder, archive, reader) {
  return openEmbeddedStore({
    dataFolder,
    archive,
    policy: POLICY,
    memoryMb: 1024,
    vectorIndexBytes: 2 ** 30,
    coldCacheBytes: 2 ** 30,
    textCacheBytes: 64 * 2 ** 20,
    leaseMs: 900_000,
    hashFile: (path) => reader.hashFile(path),
    now: Date.now,
  });
}

/** A store in a folder of its own, with the program's own functions for the way into it and through the tiers. */
export async function openBench() {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
  const scratch = join(folder, 'scratch');
  await mkdir(scratch);
  const objects = await openObjectStore(pathToFileURL(join(folder, 'objects')).href);
  const reader = new ReaderPool({ size: 2, memoryLimitMb: 512, jobTimeoutMs: 600_000 });
  let store = await openStore(folder, objects, reader);
  const clock = () => NOW;
  const maintenance = (batchRows) => ({
    store,
    archive: objects,
    scratch,
    batchRows,
    thawedMs: 0,
    longestMs: 0,
    now: Date.now,
  });
  let uploads = 0;
  return {
    folder,
    get store() {
      return store;
    },
    /** As a server that is started again does. */
    async reopen() {
      await store.close();
      store = await openStore(folder, objects, reader);
    },
    /** Uploads and ingests a host's databases; says when the ingest begins. Returns the seconds that it took. */
    async ingest(systemId, databases, onBegin = () => undefined) {
      const host = openHost({
        systemId,
        dataDir: join(folder, 'hosts', systemId),
        databases,
        uploads: objects,
        reader,
        timeZone: 'UTC',
        now: clock,
      });
      await syncDirectly(host, { uploadId: `bench-${++uploads}` });
      host.close();
      const context = { store, uploads: objects, reader, scratch, clock };
      const { added } = await walkUploads(context, () => undefined);
      onBegin();
      const started = performance.now();
      for (const ref of added) {
        const { status, reason } = await ingestUpload(context, ref);
        if (status !== 'ingested') throw new Error(`upload ${ref.uploadId} was ${status}: ${reason}`);
      }
      return (performance.now() - started) / 1000;
    },
    /** Until all vectors are in the index's graph: what that takes is part of ingest, and a search compares with each that is not in it. */
    async indexReady() {
      for (;;) {
        const [index] = await store.vectorIndexes();
        if (index?.state === 'ready' && index.waiting === 0 && index.behind === 0) return;
        if (index?.reason) throw new Error(index.reason);
        await sleep(500);
      }
    },
    /** Moves to warm what is due by then, in batches of so many; answers how many rows. */
    async toWarm(asOf, batchRows = BATCH_ROWS) {
      const context = maintenance(batchRows);
      return drain(() => moveRoundToWarm(context, asOf));
    },
    /** The same to cold. */
    async toCold(asOf, batchRows = BATCH_ROWS) {
      const context = maintenance(batchRows);
      const { partitions } = await planTransition(context, { asOf, all: true });
      return drain(() => moveRoundToCold(context, asOf, partitions));
    },
    /** Moves everything to its tier, and sweeps up what it left behind. */
    async age() {
      await this.toWarm(NOW);
      await this.toCold(NOW);
      await sweep(maintenance(BATCH_ROWS));
      await sweep({ ...maintenance(BATCH_ROWS), now: () => Date.now() + 1000 });
    },
    async close() {
      await store.close();
      await reader.close();
      await objects.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Moves rounds of batches until none is due; answers how many rows were moved. */
async function drain(move) {
  let total = 0;
  for (;;) {
    const { due, moved } = await move();
    if (due === 0) return total;
    total += moved;
  }
}

/** The model, which a bench of search by meaning cannot do without. */
export async function openModel() {
  const model = await findModel();
  if (model === undefined)
    throw new Error('the model is not installed: run `npm run setup`, or set AKOSHA_MODEL_DIR');
  return openEmbedder({ model: 'all-MiniLM-L6-v2', directory: model.directory });
}

/** Rows of text as a table: the first cell to the left, the others to the right. */
export function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const row of rows) {
    const cells = row.map((cell, i) =>
      i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]),
    );
    console.log(cells.join('  '));
  }
}
