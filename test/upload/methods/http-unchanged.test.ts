import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AkoshaError, uploadPrefix, type UploadRef } from '../../../src/contract/index.js';
import { ingestUpload, pollInbox, requireUpload } from '../../../src/ingest/index.js';
import { closeUpload, deliverUpload, prepareUpload } from '../../../src/upload/index.js';
import type { TestHost } from '../support.js';
import { httpHost, ingestAll, openServer, remember, textOf, type TestServer } from './support.js';
import type { ApiServices } from '../../../src/api/index.js';

/** A server whose answer after an upload a test replaces. A double that injects faults. */
async function openAskable(): Promise<TestServer & { answer: { fault?: () => Error } }> {
  const answer: { fault?: () => Error } = {};
  const opened: { store?: TestServer['store'] } = {};
  const getUpload: ApiServices['getUpload'] = async (ref) => {
    if (answer.fault !== undefined) throw answer.fault();
    if (opened.store === undefined) throw new Error('the server is not open yet');
    return requireUpload(opened.store, ref);
  };
  const server = await openServer({ getUpload });
  opened.store = server.store;
  return { ...server, answer };
}

const looking = ({ api }: TestServer): Promise<TestHost> =>
  httpHost(api.url, undefined, { deduplicate: true });

/** As an agent does: what it need not send is no upload. */
async function sync(host: TestHost, uploadId: string): Promise<string> {
  const { status } = await prepareUpload(host, { uploadId });
  if (status !== 'prepared') return status;
  await deliverUpload(host, uploadId);
  await closeUpload(host, uploadId, undefined);
  return 'delivered';
}

function storedAs({ outbox }: TestHost, { api }: TestServer, uploadId: string): UploadRef[] {
  return outbox.serverUploads
    .of({ uploadId, url: `${api.url}/mcp` })
    .map((one) => ({ systemId: 'host-1', uploadId: one.uploadId }));
}

describe('memories that a server has over HTTP', () => {
  it('are no upload once it says that all of them were ingested, and not before', async () => {
    const server = await openAskable();
    const host = await looking(server);
    expect(await sync(host, 'u1')).toBe('delivered');
    expect(await sync(host, 'u2')).toBe('delivered');
    await remember(host, { b: 'text b, changed' });
    expect(await sync(host, 'u3')).toBe('delivered');
    await ingestAll(server);
    expect(await prepareUpload(host, { uploadId: 'u4' })).toMatchObject({
      status: 'unchanged',
      uploadId: 'u3',
    });
    // The server is away: what it said counts, and what it did not say does not.
    server.answer.fault = () => new AkoshaError('ObjectStoreUnavailable', 'away');
    expect(await sync(host, 'u5')).toBe('unchanged');
    expect(server.calls).toEqual([3, 1]);
  });

  it('are sent again where what they were stored as is in quarantine, and are then ingested', async () => {
    const server = await openAskable();
    const host = await looking(server);
    await sync(host, 'u1');
    const [ref] = storedAs(host, server, 'u1');
    if (ref === undefined) throw new Error('the server named no upload');
    for await (const page of server.uploads.list(uploadPrefix(ref)))
      for (const { key } of page.objects)
        if (key.endsWith('.duckdb')) await server.uploads.put(key, 'damaged in the bucket');
    await remember(host, { d: 'text d' });
    // It waits in the server's queue, so of it nothing is sent again, and it is waited for.
    await sync(host, 'u2');
    expect(server.calls).toEqual([3, 1]);
    expect(storedAs(host, server, 'u2')).toContainEqual(ref);
    await pollInbox(server.context);
    expect(await ingestUpload(server.context, ref)).toMatchObject({ status: 'quarantined' });
    await ingestAll(server);
    expect(await textOf(server.store, 'a')).toBeUndefined();

    expect(await sync(host, 'u3')).toBe('delivered');
    expect(server.calls).toEqual([3, 1, 3]);
    expect(await ingestAll(server)).toMatchObject({ new: 3, unchanged: 0 });
    expect(await textOf(server.store, 'a')).toBe('text a');
    expect(await sync(host, 'u4')).toBe('unchanged');
    await remember(host, { a: 'text a, changed' });
    expect(await sync(host, 'u5')).toBe('delivered');
    expect(server.calls).toEqual([3, 1, 3, 1]);
  });

  it('are sent again where the server has lost what it had ingested', async () => {
    const server = await openAskable();
    const host = await looking(server);
    await sync(host, 'u1');
    await remember(host, { d: 'text d' });
    await sync(host, 'u2');
    await ingestAll(server);
    expect(await sync(host, 'u3')).toBe('unchanged');
    await remember(host, { d: 'text d, changed' });
    expect(await sync(host, 'u4')).toBe('delivered');
    await ingestAll(server);

    server.answer.fault = () => new AkoshaError('UploadUnknown', 'no such upload');
    expect(await sync(host, 'u5')).toBe('delivered');
    expect(server.calls).toEqual([3, 1, 1, 4]);
    delete server.answer.fault;
    expect(await ingestAll(server)).toMatchObject({ new: 0, changed: 0, unchanged: 4 });
  });

  it('are sent again where the server knows nothing of them after an hour', async () => {
    const server = await openAskable();
    const host = await looking(server);
    server.answer.fault = () => new AkoshaError('UploadUnknown', 'no such upload');
    await sync(host, 'u1');
    await sync(host, 'u2');
    expect(server.calls).toEqual([3]);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_700_000 });
    onTestFinished(() => void vi.useRealTimers());
    await sync(host, 'u3');
    expect(server.calls).toEqual([3, 3]);
  });

  it('are sent again by a host that is not told what became of them', async () => {
    const server = await openAskable();
    const host = await looking(server);
    server.answer.fault = () => new AkoshaError('ObjectNotFound', 'there is nothing here');
    await sync(host, 'u1');
    await sync(host, 'u2');
    expect(server.calls).toEqual([3, 3]);
    expect(await ingestAll(server)).toMatchObject({ new: 3, unchanged: 3 });
    delete server.answer.fault;
    expect(await sync(host, 'u3')).toBe('unchanged');
  });
});
