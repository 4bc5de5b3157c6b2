import { describe, expect, it } from 'vitest';
import { AkoshaError, NO_ROWS, uploadPrefix } from '../../../src/contract/index.js';
import { ingestUpload, pollInbox } from '../../../src/ingest/index.js';
import { deliverUpload, waitAtServer, type ServerReceipt } from '../../../src/upload/index.js';
import type { TestHost } from '../support.js';
import { httpHost, ingestAll, openServer, prepared, remember, TOKEN, type TestServer } from './support.js';

/** What the host learns of an upload, within half a second where there is nothing to wait for. */
function learn({ methods }: TestHost, uploadId: string, timeoutMs = 500): Promise<ServerReceipt | undefined> {
  const [http] = methods;
  if (http?.askAfter === undefined) throw new Error('the host has no HTTP method');
  return waitAtServer(http.askAfter, uploadId, { timeoutMs, pollMs: 50 });
}

function batchesOf({ outbox }: TestHost, { api }: TestServer, uploadId: string): string[] {
  return outbox.serverUploads.of({ uploadId, url: `${api.url}/mcp` }).map((one) => one.uploadId);
}

const MANY = Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`m${n}`, `text ${n}`]));
const away = new AkoshaError('ObjectStoreUnavailable', 'the bucket is away');

describe('what became of an upload over HTTP', () => {
  it('is known once every batch of it is ingested, with the rows of all', async () => {
    const server = await openServer();
    const host = await httpHost(server.api.url);
    await deliverUpload(host, await prepared(host, 'u1'));
    expect(batchesOf(host, server, 'u1')).toHaveLength(1);
    expect(await learn(host, 'u1')).toBeUndefined();
    const waiting = learn(host, 'u1', 20_000);
    await ingestAll(server);
    expect(await waiting).toEqual({ status: 'ingested', rows: { ...NO_ROWS, new: 3 }, reason: null });
  });

  it('counts what the server had before as unchanged, also where nothing had to be sent', async () => {
    const server = await openServer();
    const host = await httpHost(server.api.url);
    await deliverUpload(host, await prepared(host, 'u1'));
    await deliverUpload(host, await prepared(host, 'u2'));
    // Nothing of its own, but what holds its memories is not ingested.
    expect(await learn(host, 'u2')).toBeUndefined();
    await remember(host, { b: 'text b, changed' });
    await deliverUpload(host, await prepared(host, 'u3'));
    await ingestAll(server);
    expect(await learn(host, 'u2')).toMatchObject({ status: 'ingested', rows: { ...NO_ROWS, unchanged: 3 } });
    expect(await learn(host, 'u3')).toMatchObject({ rows: { ...NO_ROWS, changed: 1, unchanged: 2 } });
  });

  it('holds the batches of a try that failed as well', async () => {
    const server = await openServer();
    const host = await httpHost(server.api.url, MANY);
    server.inject((accept, call) => (call === 2 ? () => Promise.reject(away) : accept));
    await expect(deliverUpload(host, await prepared(host, 'u1'))).rejects.toThrow('the bucket is away');
    server.inject(undefined);
    await deliverUpload(host, 'u1');
    expect(batchesOf(host, server, 'u1').length).toBeGreaterThan(1);
    await ingestAll(server);
    expect(await learn(host, 'u1')).toMatchObject({ status: 'ingested', rows: { ...NO_ROWS, new: 250 } });
  });

  it('is quarantine, with the reason, where one batch of several is there', async () => {
    const server = await openServer();
    const host = await httpHost(server.api.url, MANY);
    server.inject((accept, call) => (call === 2 ? () => Promise.reject(away) : accept));
    await expect(deliverUpload(host, await prepared(host, 'u1'))).rejects.toThrow();
    server.inject(undefined);
    await deliverUpload(host, 'u1');
    const ids = batchesOf(host, server, 'u1');
    const [broken = ''] = ids;
    const prefix = uploadPrefix({ systemId: 'host-1', uploadId: broken });
    for await (const page of server.uploads.list(prefix))
      for (const { key } of page.objects)
        if (key.endsWith('.duckdb')) await server.uploads.put(key, 'damaged in the bucket');
    await pollInbox(server.context);
    for (const uploadId of ids) await ingestUpload(server.context, { systemId: 'host-1', uploadId });
    expect(await learn(host, 'u1')).toMatchObject({
      status: 'quarantined',
      reason: expect.stringMatching(new RegExp(`^1 of ${ids.length} batches: .`)),
    });
  });
});

describe('a server', () => {
  it('that is away meanwhile is waited for', async () => {
    let failures = 2;
    const server = await openServer();
    const host = await httpHost(server.api.url);
    await deliverUpload(host, await prepared(host, 'u1'));
    await ingestAll(server);
    // A fault, injected: the same store behind an API that answers 503 at first.
    const flaky = await openServer({
      getUpload: async (ref) => {
        if (failures-- > 0) throw away;
        const record = await server.store.getUpload(ref);
        if (record === undefined) throw new Error('the store has it');
        return record;
      },
    });
    const moved = await movedTo(flaky, host, server);
    expect(await learn(moved, 'u1', 20_000)).toMatchObject({ status: 'ingested' });
    expect(failures).toBeLessThan(0);
  });

  it('that has no such route, or refuses the token, is named, and not asked again', async () => {
    let asked = 0;
    const server = await openServer({
      getUpload: () => {
        asked += 1;
        throw new AkoshaError('ObjectNotFound', 'there is nothing here');
      },
    });
    const host = await httpHost(server.api.url);
    await deliverUpload(host, await prepared(host, 'u1'));
    const reason = `${server.api.url} does not tell what became of its uploads (404)`;
    expect(await learn(host, 'u1')).toEqual({ status: 'unknown', reason });
    expect(asked).toBe(1);

    const stranger = await movedTo(server, host, server, 'a-token-of-someone-else');
    expect(await learn(stranger, 'u1')).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('AKOSHA_SERVER_TOKEN'),
    });
  });
});

/** A host that sent the same to this server. */
async function movedTo(
  { api }: TestServer,
  from: TestHost,
  server: TestServer,
  token = TOKEN,
): Promise<TestHost> {
  const methods = { objectStoreGiven: false, http: { url: api.url, token, timeoutMs: 10_000 } };
  const host = await httpHost(api.url, { a: 'text a' }, { methods });
  for (const id of batchesOf(from, server, 'u1'))
    host.outbox.serverUploads.add({ uploadId: 'u1', url: `${api.url}/mcp` }, id);
  return host;
}
