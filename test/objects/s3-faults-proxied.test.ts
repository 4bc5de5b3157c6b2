import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { S3Location } from '../../src/objects/index.js';
import { S3ObjectStore } from '../../src/objects/s3.js';
import { CircuitBreakers } from '../../src/runtime/index.js';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { collect, errorType, s3Location, temporaryFolder, unfinishedUploads } from './stores.js';

const MIB = 1024 * 1024;

/** Short, so that a silent server is found out within the test. */
const IDLE_MS = 400;

const FAULTS: readonly [string, Fault][] = [
  ['an answer of 503', { kind: 'answer', status: 503, code: 'SlowDown' }],
  ['an answer of 500', { kind: 'answer', status: 500, code: 'InternalError' }],
  ['an answer of 412', { kind: 'answer', status: 412, code: 'PreconditionFailed' }],
  ['a reset before the body', { kind: 'reset', afterBytes: 0 }],
  ['a reset in the middle of the body', { kind: 'reset', afterBytes: 100_000 }],
  ['an answer lost by a reset', { kind: 'lose answer', by: 'reset' }],
  ['an answer lost in silence', { kind: 'lose answer', by: 'silence' }],
  ['an answer cut off', { kind: 'cut answer', afterBytes: 1 }],
  ['a request that arrives when its sender has given up', { kind: 'slow', ms: 2 * IDLE_MS }],
];

interface PutCase {
  /** Bytes. */
  size: number;
  put: (store: S3ObjectStore, content: Buffer, file: string) => Promise<unknown>;
}

const KEY = 'systems/host-1/uploads/1/manifest.json';

const PUTS: Readonly<Record<string, PutCase>> = {
  'a small object': { size: 200_000, put: (store, content) => store.put(KEY, content) },
  'a manifest': { size: 200_000, put: (store, content) => store.put(KEY, content, { createOnly: true }) },
  'a large file': { size: 11 * MIB, put: (store, _, file) => store.putFile(KEY, file, { resume: {} }) },
  'a large create-only file': {
    size: 11 * MIB,
    put: (store, _, file) => store.putFile(KEY, file, { createOnly: true }),
  },
};

describe('a real S3 server behind a network that fails', () => {
  const opened: S3ObjectStore[] = [];
  let proxy: FaultProxy;
  let place: S3Location;

  beforeEach(async () => {
    proxy = await startFaultProxy(inject('s3').endpoint);
    place = s3Location({ endpoint: proxy.url });
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
    await proxy.close();
  });

  const open = (breakers?: CircuitBreakers): S3ObjectStore => {
    const options = breakers === undefined ? {} : { breakers };
    const store = new S3ObjectStore(place, options, { idleMs: IDLE_MS, connectMs: IDLE_MS });
    opened.push(store);
    return store;
  };

  const cases = FAULTS.flatMap(([name, fault]) =>
    Object.entries(PUTS).map(([what, put]) => ({ name, fault, what, put })),
  );

  it.each(cases)(
    '$name: $what is never told to stand where it does not, and in the end stands once',
    async ({ fault, put: { size, put } }) => {
      const content = randomBytes(size);
      const file = join(await temporaryFolder(), 'file');
      await writeFile(file, content);
      // As often as the SDK tries. The last request of a put in parts comes late: it has faults of its own.
      proxy.inject({ method: 'POST', path: /uploadId=/, times: 2 }, fault);
      proxy.inject({ method: 'POST', times: 2 }, fault);
      proxy.inject({ method: 'PUT', times: 2 }, fault);
      const past = new S3ObjectStore({ ...place, endpoint: inject('s3').endpoint });
      opened.push(past);
      const stands = async (): Promise<boolean> =>
        (await past.head(KEY)) !== undefined && (await past.get(KEY)).equals(content);
      for (let tries = 1; ; tries += 1) {
        // The circuit breaker is another test's: each try has its own.
        const type = await errorType(put(open(), content, file));
        if (type === 'none') break;
        expect(['ObjectStoreUnavailable', 'ObjectExists']).toContain(type);
        // As an upload does with its manifest: taken by the very same bytes is delivered.
        if (type === 'ObjectExists' && (await stands())) break;
        expect(tries).toBeLessThan(8);
      }
      expect(await stands()).toBe(true);
      // What was on its way from a try that gave up may still arrive: it must not change anything.
      if (fault.kind === 'slow') await sleep(fault.ms);
      expect(await stands()).toBe(true);
      const pages = await collect(past.list(''));
      expect(pages.flatMap(({ objects }) => objects).map(({ key }) => key)).toEqual([KEY]);
      expect(await unfinishedUploads(place)).toEqual([]);
      expect(proxy.faults).toBeGreaterThan(0);
    },
  );

  it('says that nobody listens, and works when somebody does again', async () => {
    const store = open();
    await store.put(KEY, 'before');
    await proxy.refuse();
    expect(await errorType(store.put(KEY, 'after'))).toBe('ObjectStoreUnavailable');
    await proxy.listen();
    expect((await store.get(KEY)).toString()).toBe('before');
  });
});

describe('the circuit breaker of an S3 store', () => {
  const OPEN_MS = 500;
  let proxy: FaultProxy;
  let breakers: CircuitBreakers;
  let store: S3ObjectStore;

  beforeEach(async () => {
    proxy = await startFaultProxy(inject('s3').endpoint);
    breakers = new CircuitBreakers();
    breakers.of({ name: 'uploads', openMs: OPEN_MS });
    const place = s3Location({ endpoint: proxy.url });
    store = new S3ObjectStore(place, { name: 'uploads', breakers }, { idleMs: IDLE_MS, connectMs: IDLE_MS });
    await store.put('there', Buffer.alloc(300_000));
  });
  afterEach(async () => {
    await store.close();
    await proxy.close();
  });

  const status = () => breakers.of({ name: 'uploads' }).status();

  it('opens at failures of the network and of the server, each request counted, and keeps quiet until it tries', async () => {
    proxy.inject({ times: 2 }, { kind: 'reset', afterBytes: 0 });
    expect(await errorType(store.head('there'))).toBe('ObjectStoreUnavailable');
    // Not 503: to that the SDK answers with a pause as long as the breaker's here.
    proxy.inject({ times: 99 }, { kind: 'answer', status: 500, code: 'InternalError' });
    expect(await errorType(store.put('x', 'y'))).toBe('ObjectStoreUnavailable');
    expect(status()).toMatchObject({ state: 'closed', failures: 4 });
    await expect(store.get('there')).rejects.toMatchObject({
      type: 'ObjectStoreUnavailable',
      message: expect.stringMatching(
        /^uploads is not called: its circuit breaker .*HTTP 500.* tries again at 2/,
      ),
    });
    expect(status()).toMatchObject({ state: 'open', failures: 5 });
    const made = proxy.requests.length;
    const begun = Date.now();
    expect(await errorType(store.get('there'))).toBe('ObjectStoreUnavailable');
    expect(Date.now() - begun).toBeLessThan(100);
    expect(proxy.requests).toHaveLength(made);

    await sleep(OPEN_MS);
    proxy.heal();
    expect(status().state).toBe('half_open');
    expect((await store.get('there')).length).toBe(300_000);
    expect(status()).toMatchObject({ state: 'closed', failures: 0 });
  });

  it('lets one request of many try, and stays open where that fails too', async () => {
    await proxy.refuse();
    for (let tries = 0; tries < 3; tries++) await errorType(store.head('there'));
    expect(status()).toMatchObject({ state: 'open', failures: 5, openings: 1 });
    await sleep(OPEN_MS);
    await Promise.all(Array.from({ length: 10 }, () => errorType(store.head('there'))));
    expect(status()).toMatchObject({ state: 'open', failures: 6, openings: 2 });
    await sleep(OPEN_MS);
    await proxy.listen();
    const before = proxy.requests.length;
    const all = await Promise.all(Array.from({ length: 10 }, () => errorType(store.head('there'))));
    expect(all.filter((type) => type === 'none')).toHaveLength(1);
    expect(proxy.requests).toHaveLength(before + 1);
    expect(status().state).toBe('closed');
  });

  it('counts answers that break off and servers that say nothing', async () => {
    proxy.inject({ method: 'GET', times: 3 }, { kind: 'cut answer', afterBytes: 1000 });
    for (let tries = 0; tries < 3; tries++)
      expect(await errorType(store.get('there'))).toBe('ObjectStoreUnavailable');
    expect(status()).toMatchObject({ state: 'closed', failures: 3 });
    proxy.inject({ times: 2 }, { kind: 'lose answer', by: 'silence' });
    expect(await errorType(store.head('there'))).toBe('ObjectStoreUnavailable');
    expect(status()).toMatchObject({ state: 'open', failures: 5 });
  });

  it('takes a missing key, a taken one, a refusal and a caller who gives up for no failure', async () => {
    for (let round = 0; round < 6; round++) {
      expect(await store.head('missing')).toBeUndefined();
      expect(await errorType(store.get('missing'))).toBe('ObjectNotFound');
      expect(await errorType(store.put('there', 'x', { createOnly: true }))).toBe('ObjectExists');
    }
    proxy.inject({ times: 6 }, { kind: 'answer', status: 403, code: 'AccessDenied' });
    for (let round = 0; round < 6; round++)
      expect(await errorType(store.get('there'))).toBe('ObjectStoreRefused');
    proxy.inject({ times: 6 }, { kind: 'lose answer', by: 'silence' });
    for (let round = 0; round < 6; round++) {
      expect(await errorType(store.head('there', { signal: AbortSignal.timeout(20) }))).toBe('Cancelled');
    }
    expect(status()).toMatchObject({ state: 'closed', failures: 0, calls: { failed: 0 } });
  });

  it('counts each part of a large file', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, randomBytes(11 * MIB));
    const before = status().calls.succeeded;
    await store.putFile('large', file);
    // The beginning, three parts and the end.
    expect(status().calls.succeeded - before).toBe(5);
  });
});
