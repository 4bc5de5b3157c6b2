import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AkoshaError, manifestKey, uploadPrefix } from '../../src/contract/index.js';
import type { Manifest } from '../../src/memory/index.js';
import { prepareUpload, readOutbox } from '../../src/upload/index.js';
import {
  deliverAndClose,
  emptyManifest,
  makeHost,
  manifestIn,
  putReceipt,
  reopened,
  withFault,
  type TestHost,
} from './support.js';

const ref = (uploadId: string) => ({ systemId: 'host-1', uploadId });

/** A host of one small database: these tests are about numbers. */
async function smallHost(): Promise<TestHost> {
  const host = await makeHost();
  return { ...host, databases: host.databases.slice(1) };
}

async function numbersOf(
  host: TestHost,
  uploadId: string,
): Promise<Pick<Manifest, 'order' | 'previousOrder'>> {
  await prepareUpload(host, { uploadId });
  const { order, previousOrder } = await manifestIn(host, uploadId);
  return { order, previousOrder };
}

async function loseDisk(host: TestHost): Promise<TestHost> {
  host.outbox.close();
  await rm(host.dataDir, { recursive: true });
  return reopened(host);
}

it('counts up from 1, each naming the one before, queued or delivered', async () => {
  const host = await smallHost();
  expect(await numbersOf(host, 'a')).toEqual({ order: 1, previousOrder: null });
  expect(await numbersOf(host, 'b')).toEqual({ order: 2, previousOrder: 1 });
  await deliverAndClose(host, 'a');
  await deliverAndClose(host, 'b');
  expect(await numbersOf(host, 'c')).toEqual({ order: 3, previousOrder: 2 });
});

describe('a host that lost its disk numbers above what stands under its prefix', () => {
  it('by the manifests', async () => {
    const host = await smallHost();
    for (const uploadId of ['a', 'b', 'c']) {
      await prepareUpload(host, { uploadId });
      await deliverAndClose(host, uploadId);
    }
    expect(await numbersOf(await loseDisk(host), 'd')).toEqual({ order: 4, previousOrder: 3 });
  });

  it('by a receipt, where the manifest was removed after its time', async () => {
    const host = await smallHost();
    await putReceipt(host, 'a', { order: 41 });
    expect(await numbersOf(host, 'b')).toEqual({ order: 42, previousOrder: 41 });
  });

  it('by the time in an original upload’s id, also where its manifest cannot be read', async () => {
    const host = await smallHost();
    const id = '20261122_120850_host-1';
    const time = Date.parse('2026-11-22T12:08:50Z');
    await host.uploads.put(`${uploadPrefix(ref(id))}manifest.json`, 'no manifest at all');
    expect(await numbersOf(host, 'b')).toEqual({ order: time + 1, previousOrder: null });
  });

  it('and ignores what is not whole or not to be read', async () => {
    const host = await smallHost();
    await host.uploads.put(manifestKey(ref('a')), emptyManifest(ref('a'), { order: 5 }));
    await host.uploads.put(manifestKey(ref('b')), '{');
    await host.uploads.put(`${uploadPrefix(ref('c'))}reflection.duckdb`, 'no manifest yet');
    await host.uploads.put(manifestKey(ref('d')), emptyManifest(ref('a'), { order: 99 }));
    await host.uploads.put(
      manifestKey({ systemId: 'host-10', uploadId: 'a' }),
      emptyManifest({ systemId: 'host-10', uploadId: 'a' }, { order: 77 }),
    );
    expect(await numbersOf(host, 'e')).toEqual({ order: 6, previousOrder: 5 });
  });
});

it('numbers above an upload that another program put there meanwhile', async () => {
  const host = await smallHost();
  await prepareUpload(host, { uploadId: 'a' });
  await host.uploads.put(manifestKey(ref('x')), emptyManifest(ref('x'), { order: 10 }));
  expect(await numbersOf(host, 'b')).toEqual({ order: 11, previousOrder: 10 });
});

it('reads each upload once', async () => {
  const host = await smallHost();
  await host.uploads.put(manifestKey(ref('a')), emptyManifest(ref('a'), { order: 5 }));
  expect(await numbersOf(host, 'b')).toEqual({ order: 6, previousOrder: 5 });
  const read: unknown[] = [];
  const uploads = withFault(host.uploads, (method, key) => method === 'get' && read.push(key));
  await host.uploads.put(manifestKey(ref('c')), emptyManifest(ref('c'), { order: 8 }));
  expect(await numbersOf({ ...host, uploads }, 'd')).toEqual({ order: 9, previousOrder: 8 });
  expect(read).not.toContain(manifestKey(ref('a')));
  expect(read).toContain(manifestKey(ref('c')));
});

describe('while the object store is away', () => {
  const away = (host: TestHost): TestHost => ({
    ...host,
    uploads: withFault(host.uploads, () => {
      throw new AkoshaError('ObjectStoreUnavailable', 'away');
    }),
  });

  it('the host’s own memory suffices', async () => {
    const host = await smallHost();
    await prepareUpload(host, { uploadId: 'a' });
    expect(await numbersOf(away(host), 'b')).toEqual({ order: 2, previousOrder: 1 });
    expect(host.warnings).toEqual([expect.stringContaining('the object store is away')]);
  });

  it('so does what it remembers of uploads long delivered', async () => {
    const host = await smallHost();
    await prepareUpload(host, { uploadId: 'a' });
    await deliverAndClose(host, 'a');
    expect(await numbersOf(away(host), 'b')).toEqual({ order: 2, previousOrder: 1 });
  });

  it('a host without any waits, rather than number below what it sent before', async () => {
    const host = await smallHost();
    await expect(prepareUpload(away(host), { uploadId: 'a' })).rejects.toMatchObject({
      type: 'ObjectStoreUnavailable',
    });
  });

  it('a refusal is not taken for an outage', async () => {
    const host = await smallHost();
    await prepareUpload(host, { uploadId: 'a' });
    const uploads = withFault(host.uploads, (method) => {
      if (method === 'listFolders') throw new AkoshaError('ObjectStoreRefused', 'no permission');
    });
    await expect(prepareUpload({ ...host, uploads }, { uploadId: 'b' })).rejects.toMatchObject({
      type: 'ObjectStoreRefused',
    });
  });
});

it('starts from the object store where the outbox is damaged, and keeps that aside', async () => {
  const host = await smallHost();
  await prepareUpload(host, { uploadId: 'a' });
  await deliverAndClose(host, 'a');
  await prepareUpload(host, { uploadId: 'b' });
  host.outbox.close();
  const agent = join(host.dataDir, 'agent');
  for (const suffix of ['-wal', '-shm']) await rm(join(agent, `outbox.db${suffix}`), { force: true });
  await writeFile(join(agent, 'outbox.db'), 'no database at all'.repeat(1000));
  const again = reopened(host);
  expect(await numbersOf(again, 'c')).toEqual({ order: 3, previousOrder: 2 });
  expect((await readdir(agent)).filter((name) => /^outbox\.db\.damaged-\d+$/.test(name))).toHaveLength(1);
  // What waited is found by its files.
  expect((await readOutbox(again, undefined)).uploads.map(({ uploadId }) => uploadId)).toEqual(['c']);
  expect(again.outbox.rows.upload('b')).toMatchObject({ state: 'superseded', answeredBy: 'c' });
});

it('starts anew under another system id, and delivers what is queued under the former', async () => {
  const host = await smallHost();
  await prepareUpload(host, { uploadId: 'a' });
  const renamed = { ...host, systemId: 'host-2' };
  expect(await numbersOf(renamed, 'b')).toEqual({ order: 1, previousOrder: null });
  await deliverAndClose(renamed, 'a');
  expect(await host.uploads.head(manifestKey(ref('a')))).toBeDefined();
  expect(await numbersOf(renamed, 'c')).toEqual({ order: 2, previousOrder: 1 });
  expect(await numbersOf(host, 'd')).toEqual({ order: 2, previousOrder: 1 });
});
