import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AkoshaError, NO_ROWS, manifestKey } from '../../src/contract/index.js';
import { cancelUploads, closeUpload, prepareUpload, readOutbox } from '../../src/upload/index.js';
import { makeDatabase, withDuckDB } from '../support/databases.js';
import {
  deliverAndClose,
  emptyManifest,
  makeSmallHost,
  manifestIn,
  putReceipt,
  waitingIn,
  withFault,
  type TestHost,
} from './support.js';

const hostThatLooks = (): Promise<TestHost> => makeSmallHost({ deduplicate: true });

async function change(host: TestHost, name: string, sql: string): Promise<void> {
  await withDuckDB(
    async (connection) => {
      await connection.run(sql);
    },
    join(host.folder, name),
  );
}

async function ingest(host: TestHost, uploadId: string): Promise<void> {
  await prepareUpload(host, { uploadId });
  await deliverAndClose(host, uploadId);
  await putReceipt(host, uploadId);
}

describe('a snapshot of the same rows', () => {
  it('is no upload, also where the bytes differ', async () => {
    const host = await hostThatLooks();
    await ingest(host, 'a');
    await change(host, 'notes.duckdb', 'CREATE TABLE scratch AS SELECT range AS n FROM range(10000)');
    await change(host, 'notes.duckdb', 'DROP TABLE scratch');
    const requestId = host.outbox.rows.addRequest({ trigger: 'sync' });
    const same = await prepareUpload(host, { uploadId: 'b' });
    expect(same).toEqual({
      status: 'unchanged',
      uploadId: 'a',
      files: 2,
      bytes: expect.any(Number),
      rows: { conversation: 1, entity: 1 },
      omitted: [],
    });
    expect(await prepareUpload(host, { uploadId: 'b' })).toEqual(same);
    expect(await waitingIn(host)).toEqual([]);
    expect(await readdir(join(host.dataDir, 'agent', 'outbox'))).toEqual([]);
    expect(host.outbox.rows.upload('b')).toMatchObject({ state: 'unchanged', answeredBy: 'a' });
    expect(host.outbox.rows.request(requestId)?.uploadId).toBe('b');
  });

  it('is an upload where the setting says so', async () => {
    const host = await hostThatLooks();
    await ingest(host, 'a');
    const { status } = await prepareUpload({ ...host, deduplicate: false }, { uploadId: 'b' });
    expect(status).toBe('prepared');
    expect((await manifestIn(host, 'b')).files).toHaveLength(2);
  });

  it.each([
    ['has no receipt', undefined],
    ['is in quarantine', { status: 'quarantined', reason: 'broken' }],
    ['had rows refused', { rows: { ...NO_ROWS, refused: 1 } }],
    ['brought what was forgotten since', { forgotten_at: '2026-11-22T12:00:00.000Z' }],
    ['had rows that were older than the store’s', { rows: { ...NO_ROWS, superseded: 1 } }],
  ] as const)('is an upload where the last one %s', async (_what, receipt) => {
    const host = await hostThatLooks();
    await prepareUpload(host, { uploadId: 'a' });
    await deliverAndClose(host, 'a');
    if (receipt !== undefined) await putReceipt(host, 'a', receipt);
    await change(host, 'notes.duckdb', `INSERT INTO conversations_v2 VALUES ('2', 'two')`);
    expect(await prepareUpload(host, { uploadId: 'b' })).toMatchObject({ status: 'prepared', uploadId: 'b' });
    expect(await manifestIn(host, 'b')).toMatchObject({ files: [{}, {}], unchanged: [] });
  });

  it('is an upload where somebody else uploaded since', async () => {
    const host = await hostThatLooks();
    await ingest(host, 'a');
    const other = { systemId: 'host-1', uploadId: 'x' };
    await host.uploads.put(manifestKey(other), emptyManifest(other, { order: 9 }));
    expect(await prepareUpload(host, { uploadId: 'b' })).toMatchObject({ status: 'prepared', uploadId: 'b' });
  });

  it('is an upload where another was given up half-way since, and names that one', async () => {
    const host = await hostThatLooks();
    await ingest(host, 'a');
    await change(host, 'notes.duckdb', `INSERT INTO conversations_v2 VALUES ('2', 'two')`);
    await prepareUpload(host, { uploadId: 'half' });
    host.outbox.rows.begun('half');
    await cancelUploads(host, 'half', undefined);
    await change(host, 'notes.duckdb', `DELETE FROM conversations_v2 WHERE id = '2'`);
    await prepareUpload(host, { uploadId: 'b' });
    expect(await manifestIn(host, 'b')).toMatchObject({
      order: 3,
      previousOrder: 2,
      files: [{}, {}],
      unchanged: [],
    });
  });

  it('is an upload where the times in it mean something else', async () => {
    const host = await hostThatLooks();
    await ingest(host, 'a');
    await prepareUpload({ ...host, timeZone: 'Asia/Tokyo' }, { uploadId: 'b' });
    expect(await manifestIn(host, 'b')).toMatchObject({ files: [{}, {}], unchanged: [] });
  });

  it('is no upload while the object store is away, where the receipt was seen before', async () => {
    const host = await hostThatLooks();
    await ingest(host, 'a');
    await prepareUpload(host, { uploadId: 'b' });
    const uploads = withFault(host.uploads, () => {
      throw new AkoshaError('ObjectStoreUnavailable', 'away');
    });
    expect(await prepareUpload({ ...host, uploads }, { uploadId: 'c' })).toMatchObject({
      status: 'unchanged',
      uploadId: 'a',
    });
  });

  it('is answered by one that still waits in the outbox', async () => {
    const host = await hostThatLooks();
    await prepareUpload(host, { uploadId: 'a' });
    const requestId = host.outbox.rows.addRequest({ trigger: 'sync' });
    const same = await prepareUpload(host, { uploadId: 'b' });
    expect(same).toMatchObject({ status: 'prepared', uploadId: 'a' });
    expect(await prepareUpload(host, { uploadId: 'b' })).toMatchObject({ status: 'prepared', uploadId: 'a' });
    expect(await waitingIn(host)).toEqual(['a']);
    expect(host.outbox.rows.request(requestId)?.uploadId).toBe('a');
    await deliverAndClose(host, 'a');
    expect(await prepareUpload(host, { uploadId: 'b' })).toMatchObject({
      status: 'delivered',
      uploadId: 'a',
    });
  });
});

describe('a database whose rows are the same', () => {
  it('is left out while another has changed, and named with the upload that has it', async () => {
    const host = await hostThatLooks();
    await ingest(host, 'a');
    const before = (await prepareUpload({ ...host, deduplicate: false }, { uploadId: 'whole' })).rows;
    await readOutbox(host, undefined);
    await deliverAndClose(host, 'whole');
    await putReceipt(host, 'whole');
    await change(host, 'notes.duckdb', `INSERT INTO conversations_v2 VALUES ('2', 'two')`);
    expect(await prepareUpload(host, { uploadId: 'b' })).toMatchObject({
      files: 1,
      rows: { ...before, conversation: 2 },
    });
    const manifest = await manifestIn(host, 'b');
    expect(manifest.files.map(({ name }) => name)).toEqual(['notes.duckdb']);
    expect(manifest.unchanged).toEqual([
      { name: 'graph.duckdb', uploadId: 'whole', rows: { entity: 1 }, rowsDigest: expect.any(String) },
    ]);
    expect(await readdir(join(host.dataDir, 'agent', 'outbox', 'b'))).not.toContain('graph.duckdb');
    await deliverAndClose(host, 'b');

    // By and by another upload says so, and still names the one that has the file.
    await putReceipt(host, 'b');
    await change(host, 'notes.duckdb', `INSERT INTO conversations_v2 VALUES ('3', 'three')`);
    await prepareUpload(host, { uploadId: 'c' });
    expect((await manifestIn(host, 'c')).unchanged).toMatchObject([{ uploadId: 'whole' }]);
  });

  it('goes along with one that holds memories of the same kind', async () => {
    const host = await hostThatLooks();
    const more = join(host.folder, 'more-notes.duckdb');
    await makeDatabase(
      more,
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR)',
    );
    const last = join(host.folder, 'reflections.duckdb');
    await makeDatabase(last, 'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR)');
    host.databases.push(more, last);
    await ingest(host, 'a');
    await change(host, 'notes.duckdb', `INSERT INTO conversations_v2 VALUES ('2', 'two')`);
    await prepareUpload(host, { uploadId: 'b' });
    const { files, unchanged } = await manifestIn(host, 'b');
    // The last shares no kind with the one that changed, but with the one that goes along.
    expect(files.map(({ name }) => name)).toEqual([
      'notes.duckdb',
      'more-notes.duckdb',
      'reflections.duckdb',
    ]);
    expect(unchanged.map(({ name }) => name)).toEqual(['graph.duckdb']);
  });

  it('goes along where another of its kind is gone', async () => {
    const host = await hostThatLooks();
    const more = join(host.folder, 'more-notes.duckdb');
    await makeDatabase(more, 'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)');
    await ingest({ ...host, databases: [...host.databases, more] }, 'a');
    await prepareUpload(host, { uploadId: 'b' });
    const { files, unchanged } = await manifestIn(host, 'b');
    expect(files.map(({ name }) => name)).toEqual(['notes.duckdb']);
    expect(unchanged.map(({ name }) => name)).toEqual(['graph.duckdb']);
  });

  it('is sent with the others where one of them cannot be read', async () => {
    const host = await hostThatLooks();
    await ingest(host, 'a');
    await closeUpload(host, 'a', undefined);
    host.databases.push(join(host.folder, 'missing.duckdb'));
    await prepareUpload(host, { uploadId: 'b' });
    const { files, unchanged, omitted } = await manifestIn(host, 'b');
    expect(files).toHaveLength(2);
    expect(unchanged).toEqual([]);
    expect(omitted).toMatchObject([{ name: 'missing.duckdb', kinds: null }]);
  });
});

it('an omitted database keeps its kinds in mind, from upload to upload', async () => {
  const host = await hostThatLooks();
  const [notes = ''] = host.databases;
  const missing = join(host.folder, 'missing.duckdb');
  host.databases.push(missing);
  await ingest(host, 'a');
  // The first upload of a system: nothing can stand in the store that came from it.
  await makeDatabase(missing, 'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR)');
  await ingest(host, 'b');
  host.databases[2] = join(host.folder, 'gone', 'missing.duckdb');
  await change(host, 'notes.duckdb', `INSERT INTO conversations_v2 VALUES ('2', 'two')`);
  await prepareUpload(host, { uploadId: 'c' });
  expect((await manifestIn(host, 'c')).omitted).toMatchObject([{ kinds: ['reflection'] }]);
  await deliverAndClose(host, 'c');
  await prepareUpload({ ...host, databases: [notes, host.databases[2]] }, { uploadId: 'd' });
  expect((await manifestIn(host, 'd')).omitted).toMatchObject([{ kinds: ['reflection'] }]);
});
