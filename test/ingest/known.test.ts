import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { AkoshaError, type IngestSummary, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, registerUpload, type IngestContext } from '../../src/ingest/index.js';
import type { ReadResult } from '../../src/reader/index.js';
import { openHost, syncDirectly } from '../../src/upload/index.js';
import { makeDatabase } from '../support/databases.js';
import { NOW, openIngestWorld, type IngestWorld } from './support.js';

/** With vectors that no compression makes smaller, so that the upload is large enough to be compared with the store. */
const ROWS = 900;

let world: IngestWorld;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

interface SyncedHost {
  systemId: string;
  /** Changes the host's database. */
  change(...statements: string[]): Promise<void>;
  /** Uploads it, and has the server find it. */
  upload(): Promise<UploadRef>;
}

async function makeHost(systemId: string): Promise<SyncedHost> {
  const database = join(world.folder, `${systemId}.duckdb`);
  await makeDatabase(
    database,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, embedding FLOAT[384])',
    `INSERT INTO conversations_v2 SELECT i, 'text ' || i, list_transform(range(384), lambda k: random())
     FROM range(${ROWS}) AS t(i)`,
  );
  const host = openHost({
    systemId,
    dataDir: join(world.folder, systemId),
    databases: [database],
    uploads: world.uploads,
    reader: world.context.reader,
    timeZone: 'UTC',
    now: () => NOW,
  });
  onTestFinished(async () => {
    host.close();
    await rm(database);
  });
  let uploads = 0;
  return {
    systemId,
    change: (...statements) => makeDatabase(database, ...statements),
    upload: async () => {
      const ref = { systemId, uploadId: `u${++uploads}` };
      await syncDirectly(host, { uploadId: ref.uploadId });
      await registerUpload(world.context, ref);
      return ref;
    },
  };
}

/** The uploads' rows that readers wrote out; those of which nothing is known are left alone. */
function watchReader(): ReadResult[] {
  const results: ReadResult[] = [];
  const { reader } = world.context;
  const read = reader.readDatabases.bind(reader);
  const spy = vi.spyOn(reader, 'readDatabases').mockImplementation(async (...request) => {
    const result = await read(...request);
    results.push(result);
    return result;
  });
  onTestFinished(() => spy.mockRestore());
  return results;
}

const ingest = (ref: UploadRef, context: Partial<IngestContext> = {}): Promise<IngestSummary> =>
  ingestUpload({ ...world.context, ...context }, ref);

const CHANGES = [
  `INSERT INTO conversations_v2 SELECT id || ' again', content, embedding FROM conversations_v2 WHERE id IN ('1', '2', '3')`,
  `UPDATE conversations_v2 SET content = 'other' WHERE id = '4'`,
  `DELETE FROM conversations_v2 WHERE id = '5'`,
];

it('of a whole database that grew, only what is new or changed is written out', async () => {
  const host = await makeHost('grows');
  expect((await ingest(await host.upload())).rows).toMatchObject({ new: ROWS, unchanged: 0 });
  await host.change(...CHANGES);
  const read = watchReader();
  const { rows } = await ingest(await host.upload());
  expect(rows).toMatchObject({ new: 3, changed: 1, unchanged: ROWS - 2, absent: 1, deleted: 0 });
  expect(read).toMatchObject([{ rows: 4, databases: [{ rows: { conversation: ROWS + 2 } }] }]);
  const [memory] = await world.store.fetch(
    [{ systemId: host.systemId, kind: 'conversation', memoryId: '4' }],
    ['hot'],
  );
  expect(memory?.content).toBe('other');
});

it('of a mirrored system what it lacks is deleted, and nothing of what it has', async () => {
  const host = await makeHost('mirrored-grows');
  await ingest(await host.upload());
  await host.change(...CHANGES);
  const read = watchReader();
  const { rows } = await ingest(await host.upload(), { mirrorSystems: [host.systemId] });
  expect(rows).toMatchObject({ new: 3, changed: 1, unchanged: ROWS - 2, absent: 0, deleted: 1 });
  expect(read).toMatchObject([{ rows: 4 }]);
});

it('a list that a reader cannot take is no reason not to read the upload', async () => {
  const host = await makeHost('unlisted');
  await ingest(await host.upload());
  await host.change(...CHANGES);
  const { reader } = world.context;
  const read = reader.readDatabases.bind(reader);
  const asked: boolean[] = [];
  // A double, to inject the fault: what is read beside a list runs out of memory.
  const spy = vi.spyOn(reader, 'readDatabases').mockImplementation((request, options) => {
    asked.push(request.known !== undefined);
    if (request.known === undefined) return read(request, options);
    return Promise.reject(new AkoshaError('ReaderFailed', 'out of memory', { details: { machine: true } }));
  });
  onTestFinished(() => spy.mockRestore());
  const { rows } = await ingest(await host.upload());
  expect(rows).toMatchObject({ new: 3, changed: 1, unchanged: ROWS - 2, absent: 1 });
  expect(asked).toEqual([true, false]);
});

it('two workers at once come to what one comes to', async () => {
  const host = await makeHost('contended');
  await ingest(await host.upload());
  await host.change(...CHANGES);
  const ref = await host.upload();
  const outcomes = await Promise.allSettled([ingest(ref), ingest(ref)]);
  expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
  expect((await world.receipt(ref))?.rows).toMatchObject({
    new: 3,
    changed: 1,
    unchanged: ROWS - 2,
    absent: 1,
  });
});

it('ingested again on purpose, all its own rows are written out', async () => {
  const host = await makeHost('again');
  const ref = await host.upload();
  await ingest(ref);
  await world.store.requestAgain(ref);
  const read = watchReader();
  expect((await ingest(ref)).rows).toMatchObject({ unchanged: ROWS });
  expect(read).toMatchObject([{ rows: ROWS, missing: null }]);
});
