import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { interceptLocalhostDns, startFauxqs, type FauxqsServer } from 'fauxqs';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { loadSettings } from '../../src/config/index.js';
import { inboxKey, manifestKey, receiptKey, type UploadRef } from '../../src/contract/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { startServer, type ServerProcess } from '../../src/processes/server.js';
import { CircuitBreakers } from '../../src/runtime/index.js';
import { freePort } from '../../src/servers/index.js';
import { createLog, createMetrics } from '../../src/telemetry/index.js';
import { originalId, putOriginal } from '../ingest/support.js';
import { temporaryFolder } from '../objects/stores.js';
import { SAMPLES } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { createNamespace, type TestNamespace } from '../support/temporal.js';

/** What has an inbox entry is found by the next poll, what has none by its event alone. */
const POLL_SECONDS = '2';
const QUEUE = 'uploads';

const metrics = createMetrics();
let restoreDns: () => void;
let port: number;
let queues: FauxqsServer | undefined;
let queueUrl: string;
let objects: ObjectStore;
let temporal: TestNamespace;
let server: ServerProcess | undefined;

beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] ??= 'akosha-test';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'akosha-test-secret';
  // The queues' server knows a queue by its whole URL, whose name not every machine's resolver knows for a loopback one.
  restoreDns = interceptLocalhostDns();
  port = await freePort();
  await startQueues();
  const dataDir = await temporaryFolder();
  const url = `file://${path.join(dataDir, 'objects')}`;
  objects = await openObjectStore(url);
  temporal = await createNamespace(inject('temporal').address);
  const env = {
    HOME: dataDir,
    AKOSHA_DATA_DIR: dataDir,
    AKOSHA_OBJECT_STORE: url,
    AKOSHA_INGESTION_QUEUE: queueUrl,
    AKOSHA_PORT: '0',
    AKOSHA_POLL_INTERVAL_SECONDS: POLL_SECONDS,
    AKOSHA_READER_PROCESSES: '1',
    AKOSHA_EMBEDDINGS: 'off',
    AKOSHA_CLOCK: '2026-11-22T12:00:00Z',
  };
  server = await startServer({
    settings: loadSettings({ env, cwd: dataDir }),
    log: createLog({ level: 'silent', format: 'json' }),
    metrics,
    connectionOptions: { address: temporal.address },
    namespace: temporal.namespace,
    // Open for a second in place of a minute.
    breakers: new CircuitBreakers({ openMs: 1_000 }),
    version: '0',
    onShutdown: () => undefined,
    describe: () => ({}),
  });
}, 60_000);

afterAll(async () => {
  await server?.stop();
  await queues?.stop();
  await objects.close();
  await temporal.close();
  restoreDns();
}, 60_000);

async function startQueues(): Promise<void> {
  queues = await startFauxqs({ port, logger: false, host: 'localhost' });
  ({ queueUrl } = queues.createQueue(QUEUE));
}

async function put(systemId: string): Promise<UploadRef> {
  const ref = { systemId, uploadId: originalId() };
  const graph = gzipSync(await readFile(path.join(SAMPLES, 'knowledge_graph.duckdb')));
  await putOriginal(objects, ref, { 'knowledge_graph.duckdb.gz': graph });
  return ref;
}

/** As S3 tells of a manifest. */
async function announce(ref: UploadRef): Promise<void> {
  const record = {
    eventName: 'ObjectCreated:Put',
    s3: { bucket: { name: 'any' }, object: { key: manifestKey(ref) } },
  };
  const client = new SQSClient({
    endpoint: new URL(queueUrl).origin,
    region: 'us-east-1',
    useQueueUrlAsEndpoint: false,
  });
  await client.send(
    new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify({ Records: [record] }) }),
  );
  client.destroy();
}

async function valueOf(name: string, labels: Record<string, string> = {}): Promise<number | undefined> {
  const { values = [] } = (await metrics.registry.getSingleMetric(name)?.get()) ?? {};
  return values.find((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
    ?.value;
}

const receipted = (ref: UploadRef): Promise<void> =>
  eventually(async () => expect(await objects.head(receiptKey(ref))).toBeDefined(), 30_000);

const queueUp = (value: 0 | 1): Promise<void> =>
  eventually(async () => expect(await valueOf('akosha_ingestion_queue_up')).toBe(value), 40_000);

it('a server finds uploads by the poll while its queue of events is away, and by events again afterwards', async () => {
  await queueUp(1);
  const announced = await put('host-announced');
  await announce(announced);
  await receipted(announced);

  await queues?.stop();
  queues = undefined;
  await queueUp(0);
  const polled = await put('host-polled');
  await objects.put(inboxKey(polled), '');
  await receipted(polled);

  await startQueues();
  await queueUp(1);
  const again = await put('host-again');
  await announce(again);
  await receipted(again);
  // Nothing else knew of these two: they have no inbox entry, and the daily walk was not due.
  expect(await valueOf('akosha_ingestion_events_total', { result: 'added' })).toBe(2);
}, 120_000);
