import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { inboxKey, receiptKey } from '../../src/contract/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { findRunning } from '../../src/runtime/index.js';
import { freePort } from '../../src/servers/index.js';
import { query, SAMPLES } from '../support/databases.js';
import { putOriginal } from '../ingest/support.js';
import { Program } from '../support/program.js';

const UPLOAD = { systemId: 'host-1', uploadId: '20261122_100000_00000001' };

/** What one graph of the sample holds. */
const MEMORIES = 135;

interface Status {
  mode: string;
  ready: boolean;
  temporal: { connected: boolean };
  rows: Record<string, number>;
}

interface Found {
  results: { memory_id: string; system_id: string }[];
  partial: unknown[];
}

it('a server that was started where Temporal never was ingests, answers and ends in order', async () => {
  const program = await Program.create({
    // Nobody listens there, and nothing is started in its place.
    TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`,
    AKOSHA_OUTAGE_DETECTION_SECONDS: '1',
    AKOSHA_POLL_INTERVAL_SECONDS: '1',
    AKOSHA_EMBEDDINGS: 'off',
  });
  onTestFinished(() => program.destroy());
  const objects = await openObjectStore(`file://${program.dataDir}/objects`);
  onTestFinished(() => objects.close());
  const graph = gzipSync(await readFile(path.join(SAMPLES, 'knowledge_graph.duckdb')));
  await putOriginal(objects, UPLOAD, { 'knowledge_graph.duckdb.gz': graph });
  await objects.put(inboxKey(UPLOAD), '');

  program.launch();
  await program.waitUntil('through with the upload', async () => {
    return (await objects.head(receiptKey(UPLOAD))) !== undefined;
  });
  const { mode, ready, temporal, rows } = await program.api<Status>('/api/v1/status');
  expect({ mode, ready, connected: temporal.connected }).toEqual({
    mode: 'bootstrap',
    ready: true,
    connected: false,
  });
  expect(Object.values(rows).reduce((sum, count) => sum + count, 0)).toBe(MEMORIES);
  expect(await metricsOf(program)).toMatch(/^akosha_bootstrap_mode 1$/m);
  const [entity] = await query(`ATTACH '${SAMPLES}/knowledge_graph.duckdb' AS graph (READ_ONLY);
    SELECT name FROM graph.kg_entities ORDER BY id LIMIT 1`);
  const { results, partial } = await program.json<Found>('search', String(entity?.['name']));
  expect(partial).toEqual([]);
  expect(results.map(({ system_id }) => system_id)).toContain(UPLOAD.systemId);

  expect(await program.signal('SIGTERM')).toBe(0);
  expect(await program.servers()).toEqual([]);
}, 90_000);

async function metricsOf(program: Program): Promise<string> {
  const running = await findRunning(program.dataDir);
  return (await fetch(`${running?.api_url}/metrics`)).text();
}
