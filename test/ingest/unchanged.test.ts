import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { manifestKey, NO_ROWS, type Kind, type RowCounts } from '../../src/contract/index.js';
import { ingestUpload, registerUpload } from '../../src/ingest/index.js';
import { openHost, syncDirectly, type OpenHost } from '../../src/upload/index.js';
import { makeDatabase, withDuckDB } from '../support/databases.js';
import { NOW, openIngestWorld, type IngestWorld } from './support.js';

let world: IngestWorld;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

/** A host with two conversations, of which one is gone after the first upload, and two entities in a database that never changes. */
async function hostWithoutOne(systemId: string): Promise<OpenHost> {
  const [notes, graph] = [
    join(world.folder, `${systemId}-n.duckdb`),
    join(world.folder, `${systemId}-g.duckdb`),
  ];
  await makeDatabase(
    notes,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
    `INSERT INTO conversations_v2 VALUES ('1', 'one'), ('2', 'two')`,
  );
  await makeDatabase(
    graph,
    'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR)',
    `INSERT INTO kg_entities VALUES ('1', 'api'), ('2', 'cli')`,
  );
  const place = { systemId, dataDir: join(world.folder, systemId), databases: [notes, graph] };
  const { uploads } = world;
  const host = openHost({ ...place, uploads, reader: world.context.reader, timeZone: 'UTC', now: () => NOW });
  onTestFinished(() => host.close());
  await syncDirectly(host, { uploadId: 'first' });
  expect(await ingest(systemId, 'first')).toMatchObject({ new: 4 });
  await withDuckDB(async (connection) => {
    await connection.run(`DELETE FROM conversations_v2 WHERE id = '2'`);
  }, notes);
  await syncDirectly(host, { uploadId: 'second' });
  return host;
}

async function ingest(systemId: string, uploadId: string): Promise<RowCounts> {
  await registerUpload(world.context, { systemId, uploadId });
  const outcome = await ingestUpload({ ...world.context, mirrorSystems: [systemId] }, { systemId, uploadId });
  expect(outcome.status).toBe('ingested');
  return outcome.rows;
}

async function standing(systemId: string): Promise<string[]> {
  const keys = (['conversation', 'entity'] as const satisfies Kind[]).flatMap((kind) =>
    ['1', '2'].map((memoryId) => ({ systemId, kind, memoryId })),
  );
  const rows = await world.store.fetch(keys, ['hot', 'warm', 'cold']);
  return rows.map(({ kind, memoryId }) => `${kind} ${memoryId}`).sort();
}

const Manifest = z.looseObject({ files: z.array(z.unknown()), unchanged: z.array(z.looseObject({})) });

async function readManifest(systemId: string): Promise<z.infer<typeof Manifest>> {
  const bytes = await world.uploads.get(manifestKey({ systemId, uploadId: 'second' }));
  return Manifest.parse(JSON.parse(bytes.toString('utf8')));
}

it('a database that was left out keeps its memories, and what is gone from the other is seen to be', async () => {
  await hostWithoutOne('leaving');
  expect(await readManifest('leaving')).toMatchObject({ files: [{}], unchanged: [{ rows: { entity: 2 } }] });
  expect(await ingest('leaving', 'second')).toEqual({ ...NO_ROWS, unchanged: 1, deleted: 1 });
  expect(await standing('leaving')).toEqual(['conversation 1', 'entity 1', 'entity 2']);
});

it('nothing is gone of a kind that a database left out may hold', async () => {
  await hostWithoutOne('sharing');
  // No host of ours leaves out such a one; whatever the manifest says, nothing is to be deleted by mistake.
  const manifest = await readManifest('sharing');
  const unchanged = manifest.unchanged.map((database) => ({ ...database, rows: { conversation: 1 } }));
  const key = manifestKey({ systemId: 'sharing', uploadId: 'second' });
  await world.uploads.put(key, JSON.stringify({ ...manifest, unchanged }));
  expect(await ingest('sharing', 'second')).toEqual({ ...NO_ROWS, unchanged: 1 });
  expect(await standing('sharing')).toHaveLength(4);
});
