import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderProgress } from '../../src/cli/progress-bar.js';
import { requestSync, type SyncOptions } from '../../src/cli/sync-request.js';
import { loadSettings, type Settings } from '../../src/config/index.js';
import { AkoshaError, NO_ROWS, receiptKey } from '../../src/contract/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { takeLock } from '../../src/runtime/index.js';
import { agentLockFile } from '../../src/runtime/lock-owner.js';
import { outboxStatus, type WorkInProgress } from '../../src/upload/index.js';
import { temporaryFolder } from '../reader/support.js';
import { makeDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { ingestAll, openServer, TOKEN } from '../upload/methods/support.js';
import { receiptOf } from '../upload/support.js';

const NOT_WAITING: SyncOptions = { wait: 'no', direct: false, timeoutSeconds: 5, progress: undefined };

async function makeSettings(env: Record<string, string> = {}): Promise<Settings> {
  const folder = await temporaryFolder();
  const database = join(folder, 'notes.duckdb');
  await makeDatabase(
    database,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
    `INSERT INTO conversations_v2 VALUES ('1', 'one')`,
  );
  return loadSettings({
    cwd: folder,
    env: {
      HOME: folder,
      AKOSHA_DATA_DIR: join(folder, 'data'),
      AKOSHA_DATABASES: database,
      AKOSHA_SYSTEM_ID: 'laptop.1',
      AKOSHA_MAX_RETRIES: '0',
      ...env,
    },
  });
}

const sync = (settings: Settings, options: Partial<SyncOptions> = {}) =>
  requestSync(settings, { trigger: 'sync' }, { ...NOT_WAITING, ...options });

describe('a sync without an agent', () => {
  it('uploads from this process, and says so where nothing has changed since', async () => {
    const settings = await makeSettings();
    const first = await sync(settings);
    expect(first).toEqual({
      method: 'cloud',
      success: true,
      upload_id: expect.any(String),
      status: 'uploaded',
      files_uploaded: ['notes.duckdb'],
      bytes_transferred: expect.any(Number),
      duration_seconds: expect.any(Number),
      error: null,
      rows: null,
      reason: null,
    });
    expect(first.bytes_transferred).toBeGreaterThan(0);

    const store = await openObjectStore(settings.objectStore);
    const ref = { systemId: 'x--laptop_2E1', uploadId: first.upload_id ?? '' };
    const receipt = receiptOf(ref, { rows: { ...NO_ROWS, new: 1 } });
    await store.put(receiptKey(ref), JSON.stringify(receipt));
    await store.close();
    expect(await sync(settings, { wait: 'receipt' })).toMatchObject({
      method: 'cloud',
      success: true,
      status: 'unchanged',
      upload_id: first.upload_id,
      files_uploaded: [],
      bytes_transferred: 0,
      rows: { ...NO_ROWS, unchanged: 1 },
    });
  });

  it('that cannot be delivered waits in the outbox, and says why', async () => {
    // A file stands where the folder of the object store should be.
    const settings = await makeSettings({ AKOSHA_OBJECT_STORE: 'file:///dev/null/objects' });
    const answer = await sync(settings, { wait: 'receipt' });
    expect(answer).toMatchObject({ success: false, status: 'requested', upload_id: expect.any(String) });
    expect(answer.error).toMatch(/; it waits in the outbox \(akosha status\)$/);
    expect(outboxStatus(settings.dataDir)).toMatchObject({ attempts: 1, pending: { uploads: 1 } });
  });

  it('of a host without databases has failed', async () => {
    const settings = await makeSettings();
    await rm(settings.databases[0] ?? '');
    expect(await sync(settings)).toMatchObject({
      success: false,
      status: 'failed',
      error: expect.stringContaining('AKOSHA_DATABASES'),
    });
  });
});

describe('a sync over HTTP that waits', () => {
  it('learns from the server what became of it, with the token of its own requests', async () => {
    const server = await openServer();
    const settings = await makeSettings({ AKOSHA_SERVER_URL: server.api.url, AKOSHA_SERVER_TOKEN: TOKEN });
    const waiting = sync(settings, { wait: 'receipt', timeoutSeconds: 20 });
    await eventually(async () => {
      expect(await ingestAll(server)).toMatchObject({ new: 1 });
    });
    const rows = { ...NO_ROWS, new: 1 };
    expect(await waiting).toMatchObject({ method: 'http', success: true, status: 'ingested', rows });
    expect(await sync(settings, { wait: 'receipt' })).toMatchObject({
      ...{ method: 'http', success: true, status: 'unchanged' },
      ...{ rows: { ...NO_ROWS, unchanged: 1 }, reason: null },
    });
  });

  it('says so where there is nothing yet, and where the server does not tell', async () => {
    const server = await openServer();
    const settings = await makeSettings({ AKOSHA_SERVER_URL: server.api.url, AKOSHA_SERVER_TOKEN: TOKEN });
    expect(await sync(settings, { wait: 'receipt', timeoutSeconds: 1 })).toMatchObject({
      ...{ success: false, status: 'uploaded', error: expect.stringContaining('no receipt after 1 s') },
    });
    const silent = await openServer({
      getUpload: () => {
        throw new AkoshaError('ObjectNotFound', 'there is nothing here');
      },
    });
    const others = { AKOSHA_SERVER_URL: silent.api.url, AKOSHA_SERVER_TOKEN: TOKEN };
    expect(await sync(await makeSettings(others), { wait: 'receipt' })).toMatchObject({
      ...{ success: true, status: 'uploaded', error: null, rows: null },
      reason: expect.stringContaining('does not tell what became of its uploads (404)'),
    });
  });
});

describe('a sync beside an agent', () => {
  it('leaves the work to it', async () => {
    const settings = await makeSettings();
    const unlock = await takeLock(agentLockFile(settings.dataDir));
    expect(await sync(settings)).toMatchObject({ method: 'auto', success: true, status: 'requested' });
    expect(outboxStatus(settings.dataDir).pending).toEqual({ requests: 1, uploads: 0, bytes: 0 });
    // Asked to wait for it, it says that there is nothing yet.
    const waited = await sync(settings, { wait: 'receipt', timeoutSeconds: 1 });
    expect(waited).toMatchObject({
      success: false,
      status: 'requested',
      error: expect.stringContaining('not delivered yet'),
    });
    expect(await sync(settings, { direct: true })).toMatchObject({ success: true, status: 'uploaded' });
    await unlock();
    expect(outboxStatus(settings.dataDir).pending.requests).toBe(0);
  });
});

describe('the progress bar', () => {
  const work = (changes: Partial<WorkInProgress>): WorkInProgress => ({
    ...{ pid: 1, upload_id: 'u', updated_at: 0, step: 'files', method: 'cloud', file: 'notes.duckdb' },
    ...{ files_done: 0, files_total: 2, bytes_done: 0, bytes_total: 0 },
    ...changes,
  });

  it.each([
    [[], 'waiting'],
    [[work({ step: 'snapshot', method: null, files_done: 1 })], 'snapshot: 1 of 2 databases notes.duckdb'],
    [
      [work({ bytes_done: 512, bytes_total: 2048 })],
      `[########......................] 25% 512 B of 2.0 KiB, files notes.duckdb`,
    ],
    [
      [
        work({ step: 'snapshot' }),
        work({ step: 'manifest', file: null, bytes_done: 2048, bytes_total: 2048 }),
      ],
      `[##############################] 100% 2.0 KiB of 2.0 KiB, manifest`,
    ],
  ])('shows %j', (works, line) => {
    expect(renderProgress(works)).toBe(line);
  });
});
