import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Libsql from 'libsql';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Outbox } from '../../src/upload/outbox/outbox.js';
import { outboxStatus, writeRequest } from '../../src/upload/index.js';
import { temporaryFolder } from '../reader/support.js';
import { smallDisk } from '../support/small-disk.js';

const START = Date.parse('2026-11-22T12:00:00Z');
const CONTENTS = { timeZone: 'UTC', databases: [], omitted: [] };

interface World {
  dataDir: string;
  outbox: Outbox;
  /** Moves the machine's clock. */
  pass: (ms: number) => void;
}

async function openWorld(): Promise<World> {
  const dataDir = await temporaryFolder();
  let now = START;
  const outbox = new Outbox({ dataDir, now: () => now });
  onTestFinished(() => outbox.close());
  return { dataDir, outbox, pass: (ms) => void (now += ms) };
}

describe('a request', () => {
  it('is on disk when it is written, in whatever process, and reads as it was asked', async () => {
    const { dataDir, outbox } = await openWorld();
    const before = Date.now();
    const first = writeRequest(dataDir, { trigger: 'session-end' });
    const second = writeRequest(dataDir, { trigger: 'mcp', forceMethod: 'http', enableFallback: false });
    expect(outbox.rows.openRequests()).toMatchObject([
      { requestId: first, trigger: 'session-end', forceMethod: null, enableFallback: null, uploadId: null },
      { requestId: second, trigger: 'mcp', forceMethod: 'http', enableFallback: false, uploadId: null },
    ]);
    expect(outbox.rows.request(first)?.createdAt).toBeGreaterThanOrEqual(before);
  });

  it('on a full disk is refused and says where, and is taken once there is room', async () => {
    const dataDir = await temporaryFolder();
    const disk = await smallDisk(join(dataDir, 'agent'), 4);
    const first = writeRequest(dataDir, { trigger: 'session-end' });
    disk.fill();
    const told = disk.isReal ? /no room is left for .*\/agent .*AKOSHA_DATA_DIR/ : /./;
    expect(() => writeRequest(dataDir, { trigger: 'session-end' })).toThrow(told);
    disk.free();
    const second = writeRequest(dataDir, { trigger: 'session-end' });
    const outbox = new Outbox({ dataDir });
    expect(outbox.rows.openRequests()).toMatchObject([{ requestId: first }, { requestId: second }]);
    outbox.close();
  });

  it('is taken up by the next snapshot, together with all others; a later one gets another', async () => {
    const { outbox } = await openWorld();
    const { rows } = outbox;
    const [a, b] = [rows.addRequest({ trigger: 'sync' }), rows.addRequest({ trigger: 'sync' })];
    rows.begin('u1', 's');
    const later = rows.addRequest({ trigger: 'sync' });
    expect(rows.requestsOf('u1').map(({ requestId }) => requestId)).toEqual([a, b]);
    rows.prepared('u1', { order: 1, files: 1, bytes: 1, contents: CONTENTS });
    // Begun again, the same snapshot takes up nothing that came after it.
    expect(rows.begin('u1', 's').state).toBe('prepared');
    expect(rows.openRequests().map(({ requestId }) => requestId)).toEqual([later]);
  });

  it('of a snapshot that did not come about goes to the next, with the count of its failures', async () => {
    const { outbox } = await openWorld();
    const { rows } = outbox;
    const requestId = rows.addRequest({ trigger: 'sync' });
    rows.begin('u1', 's');
    rows.tryFailed('u1', 'torn', { permanent: false });
    expect(rows.begin('u2', 's')).toMatchObject({ state: 'requested', attempts: 1 });
    expect(rows.request(requestId)?.uploadId).toBe('u2');
    expect(rows.upload('u1')).toBeUndefined();
  });
});

describe('a try that failed', () => {
  it('is repeated after 30 s, then after twice as long each time, ten minutes at most', async () => {
    const { outbox, pass } = await openWorld();
    const { rows } = outbox;
    rows.begin('u1', 's');
    for (const least of [30, 60, 120, 240, 480, 600, 600]) {
      const wait = rows.tryFailed('u1', 'away', { permanent: false });
      expect(wait).toBeGreaterThanOrEqual(least * 1000);
      expect(wait).toBeLessThanOrEqual(Math.min(600, least * 1.5) * 1000);
      expect(rows.upload('u1')?.nextTryAt).toBe(rows.now() + wait);
      pass(wait);
    }
    expect(rows.upload('u1')).toMatchObject({ attempts: 7, lastError: 'away' });
  });

  it('waits the longest at once where only a person can help', async () => {
    const { outbox } = await openWorld();
    outbox.rows.begin('u1', 's');
    expect(outbox.rows.tryFailed('u1', 'refused', { permanent: true })).toBe(600_000);
  });

  it('does not wait for ever where the clock was set back', async () => {
    const { outbox, pass } = await openWorld();
    const { rows } = outbox;
    rows.begin('u1', 's');
    rows.tryFailed('u1', 'away', { permanent: false });
    pass(-365 * 86_400_000);
    rows.capWaits();
    expect(rows.upload('u1')?.nextTryAt).toBe(rows.now() + 600_000);
  });
});

it('remembers the last hundred that are over, and for ever the last that was delivered', async () => {
  const { outbox, pass } = await openWorld();
  const { rows } = outbox;
  const deliver = (uploadId: string, order: number): void => {
    rows.addRequest({ trigger: 'sync' });
    rows.begin(uploadId, 's');
    rows.prepared(uploadId, { order, files: 1, bytes: 1, contents: CONTENTS });
    rows.delivered(uploadId);
    pass(1);
  };
  deliver('first', 1);
  deliver('last', 2);
  for (let n = 0; n < 120; n += 1) {
    rows.addRequest({ trigger: 'sync' });
    rows.begin(`same-${n}`, 's');
    rows.answeredBy(`same-${n}`, 'unchanged', 'last');
    pass(1);
  }
  rows.prune();
  expect(rows.upload('first')).toBeUndefined();
  expect(rows.newest('s')?.uploadId).toBe('last');
  expect(rows.uploadsIn('unchanged')).toHaveLength(100);
  expect(rows.requestsOf('same-0')).toEqual([]);
  expect(rows.requestsOf('same-119')).toHaveLength(1);
});

describe('the ids under which a server keeps an upload', () => {
  const at = (uploadId: string, url = 'https://a/mcp') => ({ uploadId, url });
  const own = (uploadId: string) => ({ uploadId, inherited: false });

  it('are kept once each, by server, in the order in which they came', async () => {
    const { serverUploads } = (await openWorld()).outbox;
    for (const id of ['b', 'a', 'b']) serverUploads.add(at('u1'), id);
    serverUploads.add(at('u1', 'https://b/mcp'), 'c');
    expect(serverUploads.of(at('u1'))).toEqual([own('b'), own('a')]);
    expect(serverUploads.of(at('u1', 'https://b/mcp'))).toEqual([own('c')]);
  });

  it('are those of earlier ones too, whose memories were not sent again', async () => {
    const { serverUploads } = (await openWorld()).outbox;
    serverUploads.add(at('u1'), 'a');
    serverUploads.add(at('u2'), 'b');
    // A try before had sent some of it.
    serverUploads.inherit(at('u2'), ['a', 'b']);
    expect(serverUploads.of(at('u2'))).toEqual([own('b'), { uploadId: 'a', inherited: true }]);
  });

  it('go with the upload', async () => {
    const { rows, serverUploads } = (await openWorld()).outbox;
    rows.adopt('u1', 's', { order: 1, files: 1, bytes: 1, contents: CONTENTS });
    serverUploads.add(at('u1'), 'a');
    serverUploads.add(at('forgotten'), 'b');
    rows.prune();
    expect(serverUploads.of(at('u1'))).toEqual([own('a')]);
    expect(serverUploads.of(at('forgotten'))).toEqual([]);
  });
});

/** Brings all of it into the main file. */
function emptyLog(dataDir: string): void {
  const database = new Libsql(join(dataDir, 'agent', 'outbox.db'));
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
}

describe('the database', () => {
  it('is begun anew where it is damaged, and the damaged one is kept', async () => {
    const dataDir = await temporaryFolder();
    writeRequest(dataDir, { trigger: 'sync' });
    emptyLog(dataDir);
    await writeFile(join(dataDir, 'agent', 'outbox.db'), 'no database at all'.repeat(500));
    const requestId = writeRequest(dataDir, { trigger: 'session-end' });
    const outbox = new Outbox({ dataDir });
    onTestFinished(() => outbox.close());
    expect(outbox.rows.openRequests()).toMatchObject([{ requestId, trigger: 'session-end' }]);
    const names = await readdir(join(dataDir, 'agent'));
    expect(names.filter((name) => /^outbox\.db\.damaged-\d+$/.test(name))).toHaveLength(1);
  });

  it('is read to its end where it is kept open, so that damage further on is found as well', async () => {
    const dataDir = await temporaryFolder();
    const file = join(dataDir, 'agent', 'outbox.db');
    writeRequest(dataDir, { trigger: 'sync' });
    emptyLog(dataDir);
    const bytes = await readFile(file);
    bytes.fill(0x5a, 4096);
    await writeFile(file, bytes);
    const outbox = new Outbox({ dataDir });
    onTestFinished(() => outbox.close());
    expect(outbox.rows.openRequests()).toEqual([]);
    expect(outbox.rows.addRequest({ trigger: 'sync' })).toBe(1);
  });

  it('of before uploads had ids at a server is taken over', async () => {
    const dataDir = await temporaryFolder();
    const requestId = writeRequest(dataDir, { trigger: 'sync' });
    const database = new Libsql(join(dataDir, 'agent', 'outbox.db'));
    database.exec('DROP TABLE server_uploads; PRAGMA user_version = 2');
    database.close();
    const outbox = new Outbox({ dataDir });
    onTestFinished(() => outbox.close());
    expect(outbox.rows.request(requestId)).toMatchObject({ trigger: 'sync' });
    expect(outbox.serverUploads.of({ uploadId: 'u1', url: 'https://a/mcp' })).toEqual([]);
  });

  it('of a newer version is left as it is', async () => {
    const dataDir = await temporaryFolder();
    writeRequest(dataDir, { trigger: 'sync' });
    const database = new Libsql(join(dataDir, 'agent', 'outbox.db'));
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(() => writeRequest(dataDir, { trigger: 'sync' })).toThrow(/newer version of akosha \(schema 99/);
  });
});

describe('the status', () => {
  it('of a folder that was never asked for anything says so, and makes nothing', async () => {
    const dataDir = await temporaryFolder();
    expect(outboxStatus(dataDir)).toEqual({
      last_sync: null,
      pending: { requests: 0, uploads: 0, bytes: 0 },
      attempts: 0,
      next_try_at: null,
      last_error: null,
      in_progress: [],
    });
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('tells what waits, what came of the last try, and when the next is', async () => {
    const { dataDir, outbox, pass } = await openWorld();
    const { rows } = outbox;
    rows.begin('u1', 's');
    rows.prepared('u1', { order: 1, files: 2, bytes: 10, contents: CONTENTS });
    rows.acknowledged('u1', 'cloud', 7);
    rows.delivered('u1');
    pass(1000);
    rows.begin('u2', 's');
    rows.prepared('u2', { order: 2, files: 1, bytes: 30, contents: CONTENTS });
    const wait = rows.tryFailed('u2', 'away', { permanent: false });
    rows.addRequest({ trigger: 'sync' });
    expect(outboxStatus(dataDir)).toEqual({
      last_sync: {
        upload_id: 'u1',
        status: 'delivered',
        at: '2026-11-22T12:00:00.000Z',
        method: 'cloud',
        files: 2,
        bytes: 10,
      },
      pending: { requests: 1, uploads: 1, bytes: 30 },
      attempts: 1,
      next_try_at: new Date(START + 1000 + wait).toISOString(),
      last_error: 'away',
      in_progress: [],
    });
  });

  it('tells why the last upload failed for good, and of one that was not needed', async () => {
    const { dataDir, outbox, pass } = await openWorld();
    const { rows } = outbox;
    rows.begin('u1', 's');
    rows.answeredBy('u1', 'unchanged', 'u0');
    pass(1);
    rows.begin('u2', 's');
    rows.failed('u2', 'NothingToUpload', 'no database');
    expect(outboxStatus(dataDir)).toMatchObject({
      last_sync: { upload_id: 'u0', status: 'unchanged' },
      pending: { requests: 0, uploads: 0 },
      last_error: 'no database',
    });
  });
});
