import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { prepareUpload, readOutbox } from '../../src/upload/index.js';
import { makeSmallHost, manifestIn, reopened, waitingIn, type TestHost } from './support.js';

const prepare = async (host: TestHost, ...ids: string[]): Promise<void> => {
  for (const uploadId of ids) await prepareUpload(host, { uploadId });
};

const settled = async (host: TestHost): Promise<string[]> =>
  (await readOutbox(host, undefined)).uploads.map(({ uploadId }) => uploadId);

describe('snapshots that wait', () => {
  it('go when a newer one holds all of them; whoever waits for one waits for the newest', async () => {
    const host = await makeSmallHost();
    const requestId = host.outbox.rows.addRequest({ trigger: 'session-end' });
    await prepare(host, 'a', 'b', 'c');
    expect(await settled(host)).toEqual(['c']);
    expect(await waitingIn(host)).toEqual(['c']);
    expect(host.outbox.rows.upload('a')).toMatchObject({ state: 'superseded', answeredBy: 'c' });
    expect(host.outbox.rows.request(requestId)?.uploadId).toBe('c');
    // Neither `a` nor `b` will ever arrive, so the server is not told to count on them.
    expect(await manifestIn(host, 'c')).toMatchObject({ order: 3, previousOrder: null });
  });

  it('stay where a newer one lacks a database of theirs', async () => {
    const host = await makeSmallHost();
    const [notes = ''] = host.databases;
    await prepare(host, 'a');
    await prepare({ ...host, databases: [notes] }, 'b', 'c');
    expect(await settled(host)).toEqual(['a', 'c']);
    expect(await manifestIn(host, 'c')).toMatchObject({ order: 3, previousOrder: 1 });
  });

  it('stay where they are another system’s', async () => {
    const host = await makeSmallHost();
    await prepare(host, 'a');
    await prepare({ ...host, systemId: 'host-2' }, 'b');
    expect((await settled(host)).sort()).toEqual(['a', 'b']);
  });

  it('are finished first where something of them was sent', async () => {
    const host = await makeSmallHost();
    await prepare(host, 'a');
    host.outbox.rows.begun('a');
    await prepare(host, 'b', 'c');
    expect(await settled(host)).toEqual(['a', 'c']);
    expect(await manifestIn(host, 'c')).toMatchObject({ order: 3, previousOrder: 1 });
  });

  it('keep within the disk budget, the oldest going first and the newest never', async () => {
    const host = await makeSmallHost();
    const [notes = '', graph = ''] = host.databases;
    await prepare({ ...host, databases: [notes] }, 'a');
    await prepare({ ...host, databases: [graph] }, 'b');
    await prepare({ ...host, databases: [notes] }, 'c');
    const bytes = host.outbox.rows.upload('b')?.bytes ?? 0;
    // `a` is superseded by `c` anyway; then there is room for one of two.
    expect(await settled({ ...host, outboxDiskBytes: 1.5 * bytes })).toEqual(['c']);
    expect(host.outbox.rows.upload('b')?.state).toBe('superseded');
    expect(await settled({ ...host, outboxDiskBytes: 1 })).toEqual(['c']);
  });

  it('stay within the budget', async () => {
    const host = await makeSmallHost();
    const [notes = '', graph = ''] = host.databases;
    await prepare({ ...host, databases: [notes] }, 'a');
    await prepare({ ...host, databases: [graph] }, 'b');
    expect(await settled(host)).toEqual(['a', 'b']);
  });
});

describe('after a crash', () => {
  it('files without a row are taken in', async () => {
    const host = await makeSmallHost();
    await prepare(host, 'a');
    const { bytes } = host.outbox.rows.upload('a') ?? {};
    host.outbox.close();
    for (const suffix of ['', '-wal', '-shm']) {
      await rm(join(host.dataDir, 'agent', `outbox.db${suffix}`), { force: true });
    }
    const again = reopened(host);
    expect(await settled(again)).toEqual(['a']);
    expect(again.outbox.rows.upload('a')).toMatchObject({ state: 'prepared', order: 1, files: 2, bytes });
  });

  it('files of an upload that has ended go', async () => {
    const host = await makeSmallHost();
    await prepare(host, 'a');
    host.outbox.rows.delivered('a');
    expect(await settled(host)).toEqual([]);
    expect(await waitingIn(host)).toEqual([]);
  });

  it('whoever waits for files that are lost gets another snapshot', async () => {
    const host = await makeSmallHost();
    const requestId = host.outbox.rows.addRequest({ trigger: 'sync' });
    await prepare(host, 'a');
    await rm(join(host.dataDir, 'agent', 'outbox', 'a', 'notes.duckdb'));
    expect(await readOutbox(host, undefined)).toEqual({ uploads: [], requested: true });
    expect(host.outbox.rows.request(requestId)?.uploadId).toBeNull();
    expect(host.outbox.rows.upload('a')).toMatchObject({
      state: 'failed',
      lastError: expect.stringContaining('lost'),
    });
  });
});
