import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AkoshaError, inboxKey, manifestKey, uploadPrefix } from '../../src/contract/index.js';
import {
  closeUpload,
  deliverUpload,
  prepareUpload,
  readOutbox,
  type UploadProgress,
} from '../../src/upload/index.js';
import {
  emptyManifest,
  jsonOf,
  keysOf,
  makeHost,
  manifestIn,
  waitingIn,
  withFault,
  withUploads,
} from './support.js';

const REF = { systemId: 'host-1', uploadId: 'u1' };
const DELIVERED = [
  'inbox/u1@host-1',
  'systems/host-1/uploads/u1/knowledge_graph.duckdb',
  'systems/host-1/uploads/u1/manifest.json',
  'systems/host-1/uploads/u1/reflection.duckdb',
];

it('carries files, manifest and inbox entry to the object store, and empties the outbox', async () => {
  const host = await makeHost();
  const prepared = await prepareUpload(host, { uploadId: 'u1' });
  const promised = await readFile(join(host.dataDir, 'agent', 'outbox', 'u1', 'upload.json'));
  const seen: UploadProgress[] = [];
  const { files } = await manifestIn(host, 'u1');
  const delivery = await deliverUpload(host, 'u1', { onProgress: (progress) => seen.push(progress) });
  expect(delivery).toEqual({
    uploadId: 'u1',
    method: 'cloud',
    filesUploaded: ['reflection.duckdb', 'knowledge_graph.duckdb'],
    bytesTransferred: prepared.bytes,
  });
  expect(await keysOf(host.uploads)).toEqual(DELIVERED);
  expect(await host.uploads.get(manifestKey(REF))).toEqual(promised);
  expect((await host.uploads.get(inboxKey(REF))).length).toBe(0);
  for (const { name, storedSha256 } of files) {
    const stored = await host.uploads.get(uploadPrefix(REF) + name);
    expect(createHash('sha256').update(stored).digest('hex')).toBe(storedSha256);
  }
  expect(await waitingIn(host)).toEqual(['u1']);
  await closeUpload(host, 'u1', undefined);
  expect(await waitingIn(host)).toEqual([]);
  expect(host.outbox.rows.upload('u1')).toMatchObject({
    state: 'delivered',
    method: 'cloud',
    files: 2,
    bytes: prepared.bytes,
    bytesSent: prepared.bytes,
    endedAt: expect.any(Number),
  });
  const { bytes: totalBytes } = prepared;
  const common = { method: 'cloud', total: 2, totalBytes };
  expect(seen[0]).toEqual({ ...common, step: 'files', file: 'reflection.duckdb', done: 0, bytes: 0 });
  expect(seen.at(-1)).toEqual({ ...common, step: 'manifest', file: null, done: 2, bytes: totalBytes });
  const sent = seen.map(({ bytes }) => bytes);
  expect(sent).toEqual([...sent].sort((a, b) => a - b));
});

it('writes a manifest with the original’s keys and ours', async () => {
  const host = await makeHost();
  await prepareUpload({ ...host, databases: [...host.databases, '/nowhere/x.duckdb'] }, { uploadId: 'u1' });
  await deliverUpload(host, 'u1');
  const file = (name: string, rows: Record<string, number>): object => ({
    name,
    path: `systems/host-1/uploads/u1/${name}`,
    size_bytes: expect.any(Number),
    compression: 'gzip',
    checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    raw_size_bytes: expect.any(Number),
    raw_checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    rows,
    rows_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    reader: expect.stringContaining('duckdb'),
    flags: [],
    excluded: {},
  });
  expect(await jsonOf(host.uploads, manifestKey(REF))).toEqual({
    format_version: 1,
    upload_id: 'u1',
    system_id: 'host-1',
    timestamp: '2026-11-22T12:00:00.000Z',
    order: 1,
    previous_order: null,
    time_zone: 'Europe/Berlin',
    files: [
      file('reflection.duckdb', { conversation: 208, reflection: 104 }),
      file('knowledge_graph.duckdb', { entity: 56, relation: 79 }),
    ],
    unchanged: [],
    omitted: [{ name: 'x.duckdb', reason: expect.stringContaining('ENOENT'), kinds: [] }],
    metadata: { uploader: 'akosha', version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
  });
});

describe('again', () => {
  it('after it was acknowledged, and after it was closed, sends nothing', async () => {
    const host = await makeHost();
    await prepareUpload(host, { uploadId: 'u1' });
    const delivery = await deliverUpload(host, 'u1');
    const uploads = withFault(host.uploads, (method) => {
      if (method.startsWith('put')) throw new AkoshaError('ObjectStoreRefused', 'nothing is to be put');
    });
    const again = withUploads(host, uploads);
    expect(await deliverUpload(again, 'u1')).toEqual(delivery);
    await closeUpload(again, 'u1', undefined);
    expect(await deliverUpload(again, 'u1')).toEqual(delivery);
  });

  it('after a failure, says when to try again, and puts right what is there', async () => {
    const host = await makeHost();
    await prepareUpload(host, { uploadId: 'u1' });
    const uploads = withFault(host.uploads, (method, key) => {
      if (method === 'put' && key === manifestKey(REF))
        throw new AkoshaError('ObjectStoreUnavailable', 'away');
    });
    await expect(deliverUpload(withUploads(host, uploads), 'u1')).rejects.toMatchObject({
      type: 'HybridSyncError',
      message: expect.stringContaining('cloud: away'),
    });
    const before = Date.now();
    const { attempts, nextTryAt, lastError, begun } = host.outbox.rows.upload('u1') ?? {};
    expect({ attempts, begun }).toEqual({ attempts: 1, begun: true });
    expect(lastError).toContain('cloud: away');
    expect(nextTryAt).toBeGreaterThan(before + 29_000);
    expect(nextTryAt).toBeLessThan(before + 46_000);
    await host.uploads.put(`${uploadPrefix(REF)}knowledge_graph.duckdb`, 'cut short');
    await deliverUpload(host, 'u1');
    expect(await keysOf(host.uploads)).toEqual(DELIVERED);
    const key = `${uploadPrefix(REF)}knowledge_graph.duckdb`;
    expect((await host.uploads.head(key))?.size).toBe((await manifestIn(host, 'u1')).files[1]?.storedBytes);
    expect(host.outbox.rows.upload('u1')?.lastError).toBeNull();
  });

  it('after the answer to its manifest was lost, takes its own manifest for what it is', async () => {
    const host = await makeHost();
    await prepareUpload(host, { uploadId: 'u1' });
    await host.uploads.put(
      manifestKey(REF),
      await readFile(join(host.dataDir, 'agent', 'outbox', 'u1', 'upload.json')),
    );
    await deliverUpload(host, 'u1');
    expect(await keysOf(host.uploads)).toEqual(DELIVERED);
  });

  it('while the first try still runs, delivers one upload', async () => {
    const host = await makeHost();
    await prepareUpload(host, { uploadId: 'u1' });
    const both = await Promise.all([deliverUpload(host, 'u1'), deliverUpload(host, 'u1')]);
    expect(both.map(({ filesUploaded }) => filesUploaded.length)).toEqual([2, 2]);
    expect(await keysOf(host.uploads)).toEqual(DELIVERED);
  });
});

it('refuses to replace an upload, tells no server of it and keeps its own', async () => {
  const host = await makeHost();
  await prepareUpload(host, { uploadId: 'u1' });
  const other = emptyManifest(REF, { order: 9 });
  await host.uploads.put(manifestKey(REF), other);
  await expect(deliverUpload(host, 'u1')).rejects.toMatchObject({
    type: 'UploadReplaced',
    message: expect.stringContaining('AKOSHA_SYSTEM_ID'),
    details: REF,
  });
  expect((await host.uploads.get(manifestKey(REF))).toString()).toBe(other);
  expect(await keysOf(host.uploads)).not.toContain(inboxKey(REF));
  expect(await waitingIn(host)).toEqual(['u1']);
});

it('knows nothing of an upload that was never prepared', async () => {
  const host = await makeHost();
  await expect(deliverUpload(host, 'u1')).rejects.toMatchObject({
    type: 'BadRequest',
    message: expect.stringContaining('neither in the outbox nor in'),
  });
});

it('goes by the method that the last who asked wants, else as the settings say', async () => {
  const host = await makeHost();
  host.outbox.rows.addRequest({ trigger: 'mcp', forceMethod: 'nowhere' });
  host.outbox.rows.addRequest({ trigger: 'session-end' });
  await prepareUpload(host, { uploadId: 'u1' });
  await expect(deliverUpload(host, 'u1')).rejects.toMatchObject({ type: 'SettingsInvalid' });
  host.outbox.rows.addRequest({ trigger: 'mcp', forceMethod: 'cloud', enableFallback: false });
  await prepareUpload(host, { uploadId: 'u2' });
  expect(await deliverUpload(host, 'u2')).toMatchObject({ method: 'cloud' });
});

it('takes the upload that has its rows for one that was dropped', async () => {
  const host = await makeHost();
  await prepareUpload(host, { uploadId: 'u1' });
  await prepareUpload(host, { uploadId: 'u2' });
  await readOutbox(host, undefined);
  expect(await deliverUpload(host, 'u1')).toMatchObject({ uploadId: 'u2', method: 'cloud' });
});

it('stops between files when the caller gives up, and goes on later', async () => {
  const host = await makeHost();
  await prepareUpload(host, { uploadId: 'u1' });
  const caller = new AbortController();
  const delivery = deliverUpload(host, 'u1', {
    signal: caller.signal,
    onProgress: ({ done }) => done === 1 && caller.abort(),
  });
  await expect(delivery).rejects.toMatchObject({ type: 'Cancelled' });
  expect(await keysOf(host.uploads)).not.toContain(manifestKey(REF));
  await deliverUpload(host, 'u1');
  expect(await keysOf(host.uploads)).toEqual(DELIVERED);
});
