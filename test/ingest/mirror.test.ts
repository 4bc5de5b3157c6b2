import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { manifestKey, NO_ROWS, type RowCounts } from '../../src/contract/index.js';
import { ingestUpload, registerUpload, walkUploads } from '../../src/ingest/index.js';
import { escapeSystemId } from '../../src/memory/index.js';
import { openHost, syncDirectly, type HostContext } from '../../src/upload/index.js';
import { makeDatabase } from '../support/databases.js';
import { NOW, openIngestWorld, originalId, putOriginal, type IngestWorld } from './support.js';

let world: IngestWorld;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

const MEMORIES = [
  'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
  `INSERT INTO conversations_v2 VALUES ('1', 'one'), ('2', 'two')`,
];
const GRAPH = [
  'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR)',
  `INSERT INTO kg_entities VALUES ('1', 'api'), ('2', 'cli')`,
];
const DELETE = [`DELETE FROM conversations_v2 WHERE id = '2'`];

interface MirroredHost {
  context: HostContext;
  memories: string;
  graph: string;
}

/** A host with two conversations in one database, and two entities in another. */
async function makeHost(systemId: string): Promise<MirroredHost> {
  const [memories, graph] = [
    join(world.folder, `${systemId}-m.duckdb`),
    join(world.folder, `${systemId}-g.duckdb`),
  ];
  await makeDatabase(memories, ...MEMORIES);
  await makeDatabase(graph, ...GRAPH);
  const context = openHost({
    systemId,
    dataDir: join(world.folder, systemId),
    databases: [memories, graph],
    uploads: world.uploads,
    reader: world.context.reader,
    timeZone: 'UTC',
    now: () => NOW,
  });
  onTestFinished(() => context.close());
  return { context, memories, graph };
}

const ManifestJson = z.looseObject({ files: z.array(z.looseObject({})) });
type Edit = (manifest: z.infer<typeof ManifestJson>) => object;

/** Uploads the host's databases and ingests them with the setting on; `edit` changes the manifest on its way. */
async function sync({ context }: MirroredHost, uploadId: string, edit?: Edit): Promise<RowCounts> {
  const ref = { systemId: context.systemId, uploadId };
  await syncDirectly(context, { uploadId });
  if (edit !== undefined) {
    const bytes = await world.uploads.get(manifestKey(ref));
    const manifest = ManifestJson.parse(JSON.parse(bytes.toString('utf8')));
    await world.uploads.put(manifestKey(ref), JSON.stringify(edit(manifest)));
  }
  await registerUpload(world.context, ref);
  const { rows } = await ingestUpload({ ...world.context, mirrorSystems: [context.systemId] }, ref);
  return rows;
}

const isThere = async (systemId: string, memoryId: string): Promise<boolean> =>
  (await world.store.fetch([{ systemId, kind: 'conversation', memoryId }], ['hot', 'warm', 'cold'])).length >
  0;

describe('an upload of a mirrored system', () => {
  it('deletes what its host has no more, and its receipt says so', async () => {
    const host = await makeHost('mirrored');
    expect(await sync(host, 'upload-1')).toEqual({ ...NO_ROWS, new: 4 });
    await makeDatabase(host.memories, ...DELETE);
    expect(await sync(host, 'upload-2')).toEqual({ ...NO_ROWS, unchanged: 1, deleted: 1 });
    expect(await world.receipt({ systemId: 'mirrored', uploadId: 'upload-2' })).toMatchObject({
      rows: { deleted: 1, absent: 0 },
      mirrors: ['conversation'],
    });
    expect([await isThere('mirrored', '1'), await isThere('mirrored', '2')]).toEqual([true, false]);
  });

  it('keeps what was in a database that the host does not find any more', async () => {
    const host = await makeHost('unfound');
    await sync(host, 'upload-1');
    await makeDatabase(host.memories, ...DELETE);
    await rm(host.graph);
    expect(await sync(host, 'upload-2')).toEqual({ ...NO_ROWS, unchanged: 1, deleted: 1 });
  });

  it('keeps a memory whose row is refused now: its host has it still', async () => {
    const host = await makeHost('refused');
    await sync(host, 'upload-1');
    await makeDatabase(host.memories, `UPDATE conversations_v2 SET content = NULL WHERE id = '2'`);
    expect(await sync(host, 'upload-2')).toMatchObject({ refused: 1, deleted: 0 });
    expect(await isThere('refused', '2')).toBe(true);
  });

  it.each<[string, Edit]>([
    [
      'left out a database of which nothing is known',
      (manifest) => ({ ...manifest, omitted: [{ name: 'x.duckdb', reason: 'torn' }] }),
    ],
    ['is a part', (manifest) => ({ ...manifest, partial: true })],
    [
      'holds a file that could not be read to its end',
      (manifest) => ({
        ...manifest,
        files: manifest.files.map((file) => ({ ...file, flags: ['log_not_replayed'] })),
      }),
    ],
  ])('deletes nothing where it %s', async (what, edit) => {
    const systemId = what.replaceAll(' ', '-');
    const host = await makeHost(systemId);
    await sync(host, 'upload-1');
    await makeDatabase(host.memories, ...DELETE);
    expect((await sync(host, 'upload-2', edit)).deleted).toBe(0);
    expect(await isThere(systemId, '2')).toBe(true);
  });
});

describe('the systems that are mirrored', () => {
  /** Two uploads of an original host, the second without one of two conversations. Returns what the second deleted. */
  async function deletedFrom(name: string, mirrorSystems: string[]): Promise<number> {
    const database = join(world.folder, `${escapeSystemId(name)}-original.duckdb`);
    let deleted = 0;
    for (const statements of [MEMORIES, DELETE]) {
      await makeDatabase(database, ...statements);
      const place = { systemId: name, uploadId: originalId() };
      await putOriginal(world.uploads, place, { 'reflection.duckdb.gz': gzipSync(await readFile(database)) });
      const { added } = await walkUploads(world.context, () => undefined);
      for (const ref of added) {
        deleted = (await ingestUpload({ ...world.context, mirrorSystems }, ref)).rows.deleted;
      }
    }
    return deleted;
  }

  it.each([
    ['named', 'laptop-1', ['other', 'laptop-1'], 1],
    ['named as they call themselves', 'laptop.local', ['laptop.local'], 1],
    ['named by their ids', 'desk top', [escapeSystemId('desk top')], 1],
    ['all of them', 'laptop-2', ['*'], 1],
    ['no others', 'laptop-3', ['laptop-1'], 0],
  ])('are those %s', async (_which, name, mirrorSystems, deleted) => {
    expect(await deletedFrom(name, mirrorSystems)).toBe(deleted);
  });
});
