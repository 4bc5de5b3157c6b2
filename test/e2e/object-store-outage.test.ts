import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { loadSettings } from '../../src/config/index.js';
import { inboxKey, receiptKey } from '../../src/contract/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { startServer, type ServerProcess } from '../../src/processes/server.js';
import { CircuitBreakers } from '../../src/runtime/index.js';
import { createLog, createMetrics } from '../../src/telemetry/index.js';
import { originalId, putOriginal } from '../ingest/support.js';
import { s3Url, temporaryFolder } from '../objects/stores.js';
import { SAMPLES } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { readStore } from '../support/store-check.js';
import { createNamespace, type TestNamespace } from '../support/temporal.js';

/** In the sample's knowledge graph. */
const MEMORIES = 135;
const CALM = 'host-calm';
const DISTURBED = ['host-1', 'host-2', 'host-3', 'host-4'];

let proxy: FaultProxy;
let temporal: TestNamespace;
let objects: ObjectStore;
let server: ServerProcess | undefined;
let dataDir: string;
let url: string;
const uploadId = originalId();
/** Open for a second in place of a minute. */
const breakers = new CircuitBreakers({ openMs: 1_000 });

beforeAll(async () => {
  dataDir = await temporaryFolder();
  proxy = await startFaultProxy(inject('s3').endpoint);
  temporal = await createNamespace(inject('temporal').address);
  url = s3Url();
  // Past the proxy: what hosts sent that still reach the store, or reach it first.
  objects = await openObjectStore(url);
  const proxied = new URL(url);
  proxied.searchParams.set('endpoint', proxy.url);
  const env = {
    HOME: dataDir,
    AKOSHA_DATA_DIR: dataDir,
    AKOSHA_OBJECT_STORE: proxied.href,
    AKOSHA_PORT: '0',
    AKOSHA_POLL_INTERVAL_SECONDS: '1',
    AKOSHA_READER_PROCESSES: '1',
    AKOSHA_EMBEDDINGS: 'off',
    AKOSHA_CLOCK: '2026-11-22T12:00:00Z',
  };
  server = await startServer({
    settings: loadSettings({ env, cwd: dataDir }),
    log: createLog({ level: 'silent', format: 'json' }),
    metrics: createMetrics(),
    connectionOptions: { address: temporal.address },
    namespace: temporal.namespace,
    breakers,
    version: '0',
    onShutdown: () => undefined,
    describe: () => ({}),
  });
});

afterAll(async () => {
  await server?.stop();
  await objects.close();
  await temporal.close();
  await proxy.close();
});

async function send(systemId: string): Promise<void> {
  const graph = gzipSync(await readFile(path.join(SAMPLES, 'knowledge_graph.duckdb')));
  await putOriginal(objects, { systemId, uploadId }, { 'knowledge_graph.duckdb.gz': graph });
  await objects.put(inboxKey({ systemId, uploadId }), '');
}

async function receipted(systemIds: readonly string[]): Promise<void> {
  const found = await Promise.all(
    systemIds.map((systemId) => objects.head(receiptKey({ systemId, uploadId }))),
  );
  expect(found.map((receipt) => receipt !== undefined)).toEqual(systemIds.map(() => true));
}

interface Status {
  ready: boolean;
  uploads: Record<string, number>;
  circuit_breakers: { state: string }[];
}

async function status(): Promise<Status> {
  return (await (await fetch(`${server?.api.url}/api/v1/status`)).json()) as Status;
}

/** As counted towards quarantine. */
function attempts(): Promise<number[]> {
  return Promise.all(
    DISTURBED.map(async (systemId) => {
      const response = await fetch(`${server?.api.url}/api/v1/systems/${systemId}/uploads/${uploadId}`);
      return ((await response.json()) as { attempts: number }).attempts;
    }),
  );
}

interface Found {
  results: unknown[];
  partial: { tier: string }[];
}

async function search(): Promise<Found> {
  const response = await fetch(`${server?.api.url}/api/v1/search`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'project', limit: 10 }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Found;
}

it('without its object store a server answers searches, quarantines nothing, and goes on by itself afterwards', async () => {
  await send(CALM);
  await eventually(() => receipted([CALM]), 30_000);
  const found = await search();
  expect(found.results.length).toBeGreaterThan(0);

  await (await temporal.client.runTierTransition({ all: true })).result();
  // Queued, and not yet read, when the store goes: its answers come with a fault from the first file on.
  await Promise.all(DISTURBED.map(send));
  proxy.inject({ method: 'GET', path: /knowledge_graph/, times: Infinity }, { kind: 'reset', afterBytes: 0 });
  await eventually(async () => expect((await status()).uploads['pending']).toBe(DISTURBED.length), 20_000);
  await proxy.refuse();
  await eventually(() => {
    // Tried again and again, so that whatever counts the tries has counted some.
    expect(Math.max(...breakers.statuses().map(({ openings }) => openings))).toBeGreaterThanOrEqual(4);
  }, 20_000);

  const away = await search();
  expect(away.results.length).toBe(found.results.length);
  expect(away.partial.every(({ tier }) => tier === 'cold')).toBe(true);
  expect(await status()).toMatchObject({ ready: true, uploads: { pending: DISTURBED.length } });
  expect((await status()).uploads['quarantined'] ?? 0).toBe(0);
  // Nor do the tries bring it any nearer to quarantine.
  expect(await attempts()).toEqual(DISTURBED.map(() => 0));

  proxy.heal();
  await proxy.listen();
  await eventually(() => receipted(DISTURBED), 60_000);
  await eventually(async () => {
    const { circuit_breakers: reported } = await status();
    expect(reported.every(({ state }) => state === 'closed')).toBe(true);
  });
  await server?.stop();
  server = undefined;
  const store = await readStore(dataDir, url);
  expect(store.unfinished).toBe(0);
  expect(store.receiptedNew).toBe((1 + DISTURBED.length) * MEMORIES);
  const hashesOf = (systemId: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(store.memories)
        .filter(([key]) => key.startsWith(`${systemId}/`))
        .map(([key, { hash }]) => [key.slice(systemId.length), hash]),
    );
  expect(Object.keys(hashesOf(CALM))).toHaveLength(MEMORIES);
  for (const systemId of DISTURBED) expect(hashesOf(systemId)).toEqual(hashesOf(CALM));
}, 120_000);
