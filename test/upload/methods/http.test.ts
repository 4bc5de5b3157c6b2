import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AkoshaError } from '../../../src/contract/index.js';
import { CircuitBreakers } from '../../../src/runtime/index.js';
import { deliverUpload } from '../../../src/upload/index.js';
import { configuredMethods } from '../../../src/upload/methods/index.js';
import {
  addressOfNobody,
  afterLosingItsDisk,
  httpHost,
  ingestAll,
  openServer,
  prepared,
  remember,
  rowsInStore,
  rowsOnHost,
  textOf,
  TOKEN,
} from './support.js';

const EVERY = 208 + 104 + 56 + 79;

describe('a sync over HTTP', () => {
  it('carries every memory, with the content hash that it has on the host, also into a server that lost its disk', async () => {
    const server = await openServer();
    const host = await httpHost(server.api.url, 'sample');
    expect(await deliverUpload(host, await prepared(host, 'u1'))).toMatchObject({
      method: 'http',
      filesUploaded: ['reflection.duckdb', 'knowledge_graph.duckdb'],
    });
    expect(await ingestAll(server)).toMatchObject({ new: EVERY });
    const expected = await rowsOnHost(host);
    expect(expected.size).toBe(EVERY);
    expect(await rowsInStore(server.store, expected.keys())).toEqual(expected);

    const anew = await afterLosingItsDisk(server);
    expect(await ingestAll(anew)).toMatchObject({ new: EVERY });
    expect(await rowsInStore(anew.store, expected.keys())).toEqual(expected);
  });

  it('sends only what changed since', async () => {
    const server = await openServer();
    const host = await httpHost(`${server.api.url}/mcp`);
    await deliverUpload(host, await prepared(host, 'u1'));
    await remember(host, { b: 'text b, changed', d: 'text d' });
    await deliverUpload(host, await prepared(host, 'u2'));
    await deliverUpload(host, await prepared(host, 'u3'));
    expect(server.calls).toEqual([3, 2]);
    expect(await ingestAll(server)).toMatchObject({ new: 4, changed: 1, unchanged: 0 });
    expect(await textOf(server.store, 'b')).toBe('text b, changed');
  });

  it('sends all of it again where the host forgot what the server has, which changes no row', async () => {
    const server = await openServer();
    const host = await httpHost(server.api.url);
    await deliverUpload(host, await prepared(host, 'u1'));
    for (const suffix of ['', '-wal', '-shm'])
      await rm(join(host.folder, `data/agent/http-state.db${suffix}`), { force: true });
    await deliverUpload(host, await prepared(host, 'u2'));
    expect(await ingestAll(server)).toMatchObject({ new: 3, changed: 0, unchanged: 3 });
  });
});

describe('a sync that failed half-way', () => {
  const away = new AkoshaError('ObjectStoreUnavailable', 'the bucket is away');

  it('goes on where it stopped, and is no success before all of it is there', async () => {
    const server = await openServer();
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`m${n}`, `text ${n}`]));
    const host = await httpHost(server.api.url, many);
    server.inject((accept, call) => (call === 2 ? () => Promise.reject(away) : accept));
    const id = await prepared(host, 'u1');
    await expect(deliverUpload(host, id)).rejects.toMatchObject({
      type: 'HybridSyncError',
      message: expect.stringContaining('the bucket is away'),
    });
    server.inject(undefined);
    await deliverUpload(host, id);
    const sent = server.calls.reduce((sum, rows) => sum + rows, 0);
    expect(sent).toBeGreaterThanOrEqual(250);
    expect(sent).toBeLessThanOrEqual(350);
    expect(await ingestAll(server)).toMatchObject({ new: 250, changed: 0 });
  });

  it('whose answer was lost is stored once', async () => {
    const server = await openServer();
    const host = await httpHost(server.api.url);
    server.inject((accept) => async (source, rows) => {
      await accept(source, rows);
      throw away;
    });
    const id = await prepared(host, 'u1');
    await expect(deliverUpload(host, id)).rejects.toThrow();
    server.inject(undefined);
    await deliverUpload(host, id);
    expect(server.calls).toEqual([3, 3]);
    expect(await ingestAll(server)).toEqual({ uploads: 1, new: 3, changed: 0, unchanged: 0 });
  });

  it('and of which nobody knows what arrived has its memories sent again, also those that are back to what they were', async () => {
    const server = await openServer();
    const host = await httpHost(server.api.url, { a: 'A' });
    await deliverUpload(host, await prepared(host, 'u1'));
    await remember(host, { a: 'B' });
    server.inject((accept) => async (source, rows) => {
      await accept(source, rows);
      throw away;
    });
    await expect(deliverUpload(host, await prepared(host, 'u2'))).rejects.toThrow();
    server.inject(undefined);
    await remember(host, { a: 'A' });
    await deliverUpload(host, await prepared(host, 'u3'));
    await ingestAll(server);
    expect(await textOf(server.store, 'a')).toBe('A');
  });
});

describe('orders', () => {
  it('of a host that lost its disk lie above what it sent before', async () => {
    const server = await openServer();
    const before = await httpHost(server.api.url, { a: 'before' });
    for (const id of ['u1', 'u2', 'u3']) {
      await remember(before, { a: `before, ${id}` });
      await deliverUpload(before, await prepared(before, id));
    }
    const after = await httpHost(server.api.url, { a: 'after' });
    await deliverUpload(after, await prepared(after, 'v1'));
    await remember(after, { a: 'and after that' });
    await deliverUpload(after, await prepared(after, 'v2'));
    await ingestAll(server);
    expect(await textOf(server.store, 'a')).toBe('and after that');
  });

  it('hold between both methods where the host knows the object store', async () => {
    const server = await openServer();
    const http = { url: server.api.url, token: TOKEN, timeoutMs: 10_000 };
    const host = await httpHost(
      server.api.url,
      { a: 'first', b: 'first' },
      {
        uploads: server.uploads,
        methods: { objectStoreGiven: true, http },
      },
    );
    const over = (forceMethod: string) => ({ ...host, rules: { ...host.rules, forceMethod } });
    await prepared(host, 'u1');
    await remember(host, { a: 'second' });
    await prepared(host, 'u2');
    // The older one comes last, and by the other way.
    expect(await deliverUpload(over('cloud'), 'u2')).toMatchObject({ method: 'cloud' });
    expect(await deliverUpload(over('http'), 'u1')).toMatchObject({ method: 'http' });
    await ingestAll(server);
    expect(await textOf(server.store, 'a')).toBe('second');
  });
});

it('is the way where the object store is away', async () => {
  const server = await openServer();
  const http = { url: server.api.url, token: TOKEN, timeoutMs: 10_000 };
  // A fault, injected: the host's line to the bucket is cut, the server's is not.
  const { uploads } = server.withFaults({
    check: () => Promise.reject(new AkoshaError('ObjectStoreUnavailable', 'no route')),
  });
  const methods = { objectStoreGiven: true, http };
  const host = await httpHost(server.api.url, { a: 'text' }, { uploads, methods });
  expect(await deliverUpload(host, await prepared(host, 'u1'))).toMatchObject({ method: 'http' });
  await ingestAll(server);
  expect(await textOf(server.store, 'a')).toBe('text');
  const alone = { ...host, rules: { ...host.rules, enableFallback: false } };
  await expect(deliverUpload(alone, await prepared(host, 'u2'))).rejects.toMatchObject({
    type: 'HybridSyncError',
    details: { methods: [{ method: 'cloud', error: 'not available: no route' }] },
  });
});

describe('a server', () => {
  it('that does not answer, or is given up on for a minute, is not available', async () => {
    const url = await addressOfNobody();
    const host = await httpHost(url);
    const id = await prepared(host, 'u1');
    await expect(deliverUpload(host, id)).rejects.toMatchObject({
      message: expect.stringMatching(/http: not available: .*ECONNREFUSED/),
    });
    const breakers = new CircuitBreakers();
    const http = { url, timeoutMs: 1_000 };
    const [method] = configuredMethods(host, { objectStoreGiven: false, http, breakers });
    const queued = await host.outbox.files.find(id);
    if (method === undefined || queued === undefined) throw new Error('no method, or no upload');
    for (let calls = 0; calls < 5; calls++)
      await expect(method.deliver(queued, {})).rejects.toMatchObject({ type: 'HTTPSyncError' });
    expect(breakers.statuses()).toMatchObject([{ name: 'http-server', state: 'open', failures: 5 }]);
    expect(await method.availability()).toMatchObject({ available: false });
  });

  it('that wants another token is named with the setting', async () => {
    const { api } = await openServer();
    const http = { url: api.url, token: 'a-token-of-someone-else', timeoutMs: 10_000 };
    const host = await httpHost(api.url, { a: 'text' }, { methods: { objectStoreGiven: false, http } });
    await expect(deliverUpload(host, await prepared(host, 'u1'))).rejects.toMatchObject({
      message: expect.stringContaining('AKOSHA_SERVER_TOKEN'),
    });
  });
});
