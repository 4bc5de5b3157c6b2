import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AkoshaError, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, registerUpload, type IngestContext } from '../../src/ingest/index.js';
import { makeDatabase, SAMPLES } from '../support/databases.js';
import { openPool, temporaryFolder } from '../reader/support.js';
import { openIngestWorld, originalId, putOriginal, type IngestWorld } from './support.js';

let world: IngestWorld;
let systems = 0;
let systemId: string;

let database: Buffer;

beforeAll(async () => {
  world = await openIngestWorld();
  const file = join(world.folder, 'small.duckdb');
  const table = 'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)';
  await makeDatabase(file, table, `INSERT INTO conversations_v2 VALUES ('1', 'one')`);
  database = gzipSync(await readFile(file));
});
beforeEach(() => {
  systemId = `system-${++systems}`;
  world.warnings.length = 0;
  world.counted.quarantined = 0;
});
afterAll(() => world.close());

/** Queues an upload that this machine's readers can read. */
async function queue(): Promise<UploadRef> {
  const ref = { systemId, uploadId: originalId() };
  await putOriginal(world.uploads, ref, { 'reflection.duckdb.gz': database });
  expect(await registerUpload(world.context, ref)).toBe(true);
  return ref;
}

const attemptsOf = async (ref: UploadRef) => (await world.store.getUpload(ref))?.attempts;

/** Readers with too little memory for any database: what a file does that needs more than they may have. */
const starved = (): IngestContext => ({ ...world.context, reader: openPool({ memoryLimitMb: 1 }) });

/** A double that injects a fault where the files are read. */
function withReaderFault(error: AkoshaError): IngestContext {
  const reader = new Proxy(world.context.reader, {
    get: (target, name): unknown =>
      name === 'readDatabases' ? () => Promise.reject(error) : Reflect.get(target, name),
  });
  return { ...world.context, reader };
}

describe('an upload over which readers fail', () => {
  it('is tried five times, then quarantined with the last reason, and the next one goes on', async () => {
    const context = starved();
    const ref = await queue();
    const next = await queue();
    for (let attempt = 1; attempt < 5; attempt++) {
      await expect(ingestUpload(context, ref)).rejects.toMatchObject({ type: 'ReaderFailed' });
      expect(await attemptsOf(ref)).toBe(attempt);
      expect(await world.store.nextUpload(systemId)).toMatchObject(ref);
    }
    const outcome = await ingestUpload(context, ref);
    expect(outcome.status).toBe('quarantined');
    expect(outcome.reason).toMatch(
      /reading it failed 5 times in a row, at last with: reading reflection\.duckdb\.gz ran out/,
    );
    expect(outcome.reason).not.toContain('.stored');
    expect(await world.receipt(ref)).toMatchObject({ status: 'quarantined', reason: outcome.reason });
    expect(world.counted.quarantined).toBe(1);
    expect(world.warnings).toEqual([{ ...ref, reason: outcome.reason }]);
    expect(await world.store.nextUpload(systemId)).toMatchObject(next);
    expect(await ingestUpload(world.context, next)).toMatchObject({ status: 'ingested' });
  });

  it('starts anew once it was read', async () => {
    const context = starved();
    const ref = await queue();
    for (let attempt = 1; attempt < 5; attempt++) await ingestUpload(context, ref).catch(() => undefined);
    // It is read, and then the store does not take it: a fault, injected.
    const away = () => Promise.reject(new AkoshaError('StoreClosed', 'injected'));
    const store = new Proxy(world.store, {
      get: (target, name): unknown => (name === 'openIngest' ? away : Reflect.get(target, name)),
    });
    for (let attempt = 1; attempt <= 3; attempt++) {
      await expect(ingestUpload({ ...world.context, store }, ref)).rejects.toMatchObject({
        type: 'StoreClosed',
      });
      expect(await attemptsOf(ref)).toBe(0);
    }
    await expect(ingestUpload(context, ref)).rejects.toMatchObject({ type: 'ReaderFailed' });
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'ingested' });
  });

  it('is quarantined also where it takes the server down each time', async () => {
    const ref = await queue();
    // As five crashes leave it: begun and never ended.
    for (let attempt = 1; attempt <= 5; attempt++) await world.store.beginRead(ref);
    const outcome = await ingestUpload(world.context, ref);
    expect(outcome.status).toBe('quarantined');
    expect(outcome.reason).toContain(
      'failed 5 times in a row, at last with: the server died while it was being read',
    );
  });

  it('keeps its attempts over a crash', async () => {
    const folder = await temporaryFolder();
    const program = fileURLToPath(new URL('./dying-ingest.mjs', import.meta.url));
    for (const attempts of [1, 2]) {
      const child = spawn(process.execPath, [program, folder, join(SAMPLES, 'knowledge_graph.duckdb')], {
        env: { ...process.env, AKOSHA_FAIL_POINT: 'ingest.after-export' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      let printed = '';
      child.stdout.on('data', (text: Buffer) => (printed += text.toString()));
      expect(await once(child, 'close')).toEqual([null, 'SIGKILL']);
      expect(printed).toBe(`${attempts - 1}\n`);
    }
  });
});

describe('what is not the upload’s fault', () => {
  it.each([
    ['the object store is away', new AkoshaError('ObjectStoreUnavailable', 'injected')],
    ['the server stops', new AkoshaError('Cancelled', 'injected')],
    [
      'the machine has no disk left',
      new AkoshaError('ReaderFailed', 'injected', { details: { machine: true } }),
    ],
    ['something unknown', new Error('injected') as AkoshaError],
  ])('never counts: %s', async (_what, error) => {
    const ref = await queue();
    await world.store.beginRead(ref);
    for (let attempt = 1; attempt <= 6; attempt++) {
      await expect(ingestUpload(withReaderFault(error), ref)).rejects.toBe(error);
      expect(await attemptsOf(ref)).toBe(1);
    }
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'ingested' });
  });

  it('never counts: a file cannot be fetched', async () => {
    const ref = await queue();
    const away = world.withFaults({
      getFile: (key) => Promise.reject(new AkoshaError('ObjectStoreUnavailable', `get ${key}: injected`)),
    });
    for (let attempt = 1; attempt <= 6; attempt++) {
      await expect(ingestUpload(away, ref)).rejects.toMatchObject({ type: 'ObjectStoreUnavailable' });
    }
    expect(await attemptsOf(ref)).toBe(0);
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'ingested' });
  });
});

describe('the list of what is in quarantine', () => {
  it('names upload, system, reason and time, the latest first', async () => {
    const own = await openIngestWorld();
    onTestFinished(() => own.close());
    const before = Date.now();
    expect(await own.store.quarantinedUploads(10)).toEqual([]);
    for (const name of ['laptop', 'laptop.local']) {
      const place = { systemId: name, uploadId: originalId() };
      await putOriginal(own.uploads, place, { 'notes.duckdb': Buffer.from('none') });
      await registerUpload(own.context, place);
      const [known] = await own.store.knownUploads([place]);
      if (known === undefined) expect.fail('it is not known');
      const { reason } = await ingestUpload(own.context, known.ref);
      expect(reason).toMatch(/^notes\.duckdb is not a DuckDB file/);
      expect((await own.store.quarantinedUploads(1))[0]).toMatchObject({
        ...known.ref,
        systemName: name,
        reason,
      });
      const since = (await own.store.quarantinedUploads(1))[0]?.since ?? 0;
      expect(since).toBeGreaterThanOrEqual(before);
      expect(since).toBeLessThanOrEqual(Date.now());
      // Times are in milliseconds.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const all = await own.store.quarantinedUploads(10);
    expect(all.map(({ systemName }) => systemName)).toEqual(['laptop.local', 'laptop']);
    expect(await own.store.quarantine(all[0] ?? expect.fail(), 'again')).toBe(false);
    expect(await own.store.quarantinedUploads(10)).toEqual(all);
    expect(own.counted.quarantined).toBe(2);
  });
});
