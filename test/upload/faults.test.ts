import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, inject, it, onTestFinished } from 'vitest';
import { manifestKey, uploadPrefix } from '../../src/contract/index.js';
import { parseManifest } from '../../src/memory/index.js';
import { S3ObjectStore } from '../../src/objects/s3.js';
import { CircuitBreakers } from '../../src/runtime/index.js';
import { flushDirectly, prepareUpload } from '../../src/upload/index.js';
import { s3Location, temporaryFolder, unfinishedUploads } from '../objects/stores.js';
import { makeDatabase } from '../support/databases.js';
import { startFaultProxy, type Fault, type FaultProxy } from '../support/fault-proxy.js';
import { keysOf, makeHost, type TestHost } from './support.js';

const REF = { systemId: 'host-1', uploadId: 'u1' };

/** Short, so that a silent server is found out within the test. */
const LIMITS = { idleMs: 250, connectMs: 250 };

const FAULTS: Readonly<Record<string, Fault>> = {
  'connections reset': { kind: 'reset', afterBytes: 1 },
  'answers of 503': { kind: 'answer', status: 503, code: 'SlowDown' },
  'answers of 412': { kind: 'answer', status: 412, code: 'PreconditionFailed' },
  'a server that is slower than anybody waits': { kind: 'slow', ms: 2 * LIMITS.idleMs },
  'answers lost after success': { kind: 'lose answer', by: 'silence' },
};

/** As often as the SDK tries: the put fails, not one of its requests. */
const SDK_TRIES = 2;

/**
 * A part, the end of a file in parts, the manifest, the inbox entry. The manifest twice: the try in which the inbox entry can be put has a
 * failed manifest before it.
 */
const WRITES = [
  { method: 'PUT', path: /partNumber=/, times: SDK_TRIES },
  { method: 'POST', path: /uploadId=/, times: SDK_TRIES },
  { method: 'PUT', path: /manifest\.json/, times: 2 * SDK_TRIES },
  { method: 'PUT', path: /inbox\//, times: SDK_TRIES },
];

interface World {
  host: TestHost;
  proxy: FaultProxy;
  /** The same place, past the proxy. */
  past: S3ObjectStore;
  unfinished: () => Promise<string[]>;
  /** Lets so much time pass on the outbox's clock. */
  pass: (ms: number) => void;
}

/** A host with an upload in its outbox: one file of two parts, one that is put whole. Its object store is a real S3 server behind a proxy. */
async function openWorld(): Promise<World> {
  const proxy = await startFaultProxy(inject('s3').endpoint);
  const direct = s3Location();
  const past = new S3ObjectStore(direct);
  const breakers = new CircuitBreakers();
  // As good as none: it is another test's.
  breakers.of({ name: 'uploads', openMs: 1 });
  const uploads = new S3ObjectStore(
    { ...direct, endpoint: proxy.url },
    { name: 'uploads', breakers },
    LIMITS,
  );
  onTestFinished(async () => {
    await Promise.all([uploads.close(), past.close()]);
    await proxy.close();
  });
  const folder = await temporaryFolder();
  const databases = ['reflection.duckdb', 'knowledge_graph.duckdb'].map((name) => join(folder, name));
  const [notes = '', graph = ''] = databases;
  await makeDatabase(
    notes,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, fingerprint BLOB)',
    `INSERT INTO conversations_v2 SELECT row, 'a text', unhex(array_to_string(
       list_transform(range(1024), lambda i: md5(row || '-' || i)), '')) FROM range(384) AS r(row)`,
  );
  await makeDatabase(
    graph,
    'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR)',
    `INSERT INTO kg_entities VALUES ('1', 'api')`,
  );
  let now = Date.now();
  const host = await makeHost({ uploads, databases, wallClock: () => now });
  await prepareUpload(host, REF);
  return { host, proxy, past, unfinished: () => unfinishedUploads(direct), pass: (ms) => void (now += ms) };
}

/** Every file of the manifest with the bytes that it promises, and nothing else but the inbox entry. */
async function expectOneRightUpload({ past, unfinished }: World): Promise<void> {
  const manifest = parseManifest(REF, await past.get(manifestKey(REF)));
  expect(manifest.files).toHaveLength(2);
  for (const { name, storedSha256 } of manifest.files) {
    const content = await past.get(uploadPrefix(REF) + name);
    expect(createHash('sha256').update(content).digest('hex')).toBe(storedSha256);
  }
  const names = ['knowledge_graph.duckdb', 'manifest.json', 'reflection.duckdb'];
  expect(await keysOf(past)).toEqual([
    'inbox/u1@host-1',
    ...names.map((name) => `systems/host-1/uploads/u1/${name}`),
  ]);
  expect(await unfinished()).toEqual([]);
}

/** Tries until the outbox says that it is delivered, and looks each time that a failure stands there. Returns the failures. */
async function flushUntilDelivered(world: World): Promise<string[]> {
  const { host, pass } = world;
  const errors: string[] = [];
  for (;;) {
    await flushDirectly(host, {});
    const row = host.outbox.rows.upload('u1');
    if (row?.state === 'delivered') return errors;
    expect(row).toMatchObject({ state: 'prepared', attempts: errors.length + 1 });
    expect(row?.lastError).toBeTruthy();
    const waitMs = (row?.nextTryAt ?? 0) - host.outbox.rows.now();
    expect(waitMs).toBeGreaterThanOrEqual(30_000);
    errors.push(row?.lastError ?? '');
    expect(errors.length).toBeLessThan(10);
    // Not before its time.
    await flushDirectly(host, {});
    expect(host.outbox.rows.upload('u1')?.attempts).toBe(errors.length);
    pass(waitMs);
  }
}

it.each(Object.entries(FAULTS))(
  '%s: the outbox says why it waits, and the upload stands once, as it should, when it says so',
  async (_name, fault) => {
    const world = await openWorld();
    for (const write of WRITES) world.proxy.inject(write, fault);
    const errors = await flushUntilDelivered(world);
    expect(errors.length).toBeGreaterThan(0);
    expect(world.proxy.faults).toBeGreaterThanOrEqual(WRITES.length);
    await expectOneRightUpload(world);
    // What was on its way from a try that gave up may still arrive: it must not change anything.
    if (fault.kind === 'slow') await sleep(fault.ms);
    await expectOneRightUpload(world);
  },
);

it('connections refused: the outbox says so, and the upload is delivered when somebody listens again', async () => {
  const world = await openWorld();
  await world.proxy.refuse();
  await flushDirectly(world.host, {});
  const row = world.host.outbox.rows.upload('u1');
  expect(row).toMatchObject({ state: 'prepared', attempts: 1 });
  expect(row?.lastError).toMatch(/ECONNREFUSED/);
  expect(await keysOf(world.past)).toEqual([]);
  await world.proxy.listen();
  world.pass((row?.nextTryAt ?? 0) - world.host.outbox.rows.now());
  expect(await flushUntilDelivered(world)).toEqual([]);
  await expectOneRightUpload(world);
});
