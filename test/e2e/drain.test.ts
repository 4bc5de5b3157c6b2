import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { inboxKey, receiptKey, type UploadRef } from '../../src/contract/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { findRunning } from '../../src/runtime/index.js';
import { putOriginal } from '../ingest/support.js';
import { SAMPLES } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { Program } from '../support/program.js';
import { readStore } from '../support/store-check.js';
import { createNamespace, type TestNamespace } from '../support/temporal.js';

/** How often the program is told to stop while it works; `AKOSHA_TEST_DRAINS=20` for more than the suite has time for. */
const DRAINS = Number(process.env['AKOSHA_TEST_DRAINS'] ?? 2);
/** Of different systems, more than are ingested while the program is told to stop. */
const UPLOADS_EACH = 6;
/** In the sample's knowledge graph. */
const MEMORIES_EACH = 135;
/** 25 s for work in hand (shutdown_force_seconds), and 10 s to close everything. */
const LONGEST_END_MS = 35_000;

describe('told to stop under load', () => {
  let temporal: TestNamespace;
  let program: Program;
  let objects: ObjectStore;
  let graph: Uint8Array;
  const uploads: UploadRef[] = [];

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
    program = await Program.create({
      // One that is there already: each start of the program is a few seconds shorter.
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      AKOSHA_POLL_INTERVAL_SECONDS: '1',
      AKOSHA_INGEST_CONCURRENCY: '2',
      AKOSHA_EMBEDDINGS: 'off',
    });
    objects = await openObjectStore(`file://${program.dataDir}/objects`);
    graph = gzipSync(await readFile(path.join(SAMPLES, 'knowledge_graph.duckdb')));
  });
  afterAll(async () => {
    await objects.close();
    await program.destroy();
    await temporal.close();
  });

  /** What hosts would send, and an inbox entry for each, so that the next poll finds it. */
  async function send(round: number): Promise<void> {
    for (let n = 0; n < UPLOADS_EACH; n++) {
      const number = uploads.length.toString(16).padStart(8, '0');
      const ref = { systemId: `host-${round}-${n}`, uploadId: `20261122_100000_${number}` };
      await putOriginal(objects, ref, { 'knowledge_graph.duckdb.gz': graph });
      await objects.put(inboxKey(ref), '');
      uploads.push(ref);
    }
  }

  async function receipts(): Promise<number> {
    const found = await Promise.all(uploads.map((ref) => objects.head(receiptKey(ref))));
    return found.filter((receipt) => receipt !== undefined).length;
  }

  async function stopByRequest(url: string): Promise<void> {
    expect((await fetch(`${url}/api/v1/shutdown`, { method: 'POST' })).status).toBe(202);
  }

  it(
    `ends in order ${DRAINS} times, and has each upload once afterwards`,
    { timeout: 120_000 + DRAINS * 60_000 },
    async () => {
      const took: number[] = [];
      for (let round = 0; round < DRAINS; round++) {
        await send(round);
        const before = await receipts();
        await program.up();
        const url = (await findRunning(program.dataDir))?.api_url ?? '';
        await program.waitUntil('at work', async () => (await receipts()) > before);
        const told = performance.now();
        if (round % 2 === 0) process.kill(program.pid, 'SIGTERM');
        else await stopByRequest(url);
        await eventually(async () => expect(await isReady(url)).toBe(false), 1_000);
        expect(await program.ended(), await program.tail()).toBe(0);
        took.push(performance.now() - told);
        expect(await receipts(), 'it was not under load any more').toBeLessThan(uploads.length);
      }
      expect(Math.max(...took)).toBeLessThan(LONGEST_END_MS);

      await program.up();
      await program.waitUntil('through', async () => (await receipts()) === uploads.length, 120_000);
      await program.waitUntil('tidy', async () => (await inboxEntries()) === 0);
      expect(await program.signal('SIGTERM')).toBe(0);
      const store = await readStore(program.dataDir);
      expect(store.unfinished).toBe(0);
      expect(Object.keys(store.memories)).toHaveLength(uploads.length * MEMORIES_EACH);
      expect(store.receiptedNew).toBe(uploads.length * MEMORIES_EACH);
      if (process.env['AKOSHA_TEST_DRAINS'] !== undefined) {
        process.stdout.write(`ended after ${took.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(', ')}\n`);
      }
    },
  );

  async function inboxEntries(): Promise<number> {
    return (await readdir(path.join(program.dataDir, 'objects/inbox')).catch(() => [])).length;
  }
});

/** Whoever refuses the connection is not ready either. */
async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}
