import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { manifestKey, receiptKey, uploadPrefix, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, registerUpload } from '../../src/ingest/index.js';
import {
  erasePass,
  finishForget,
  liftForget,
  moveChosen,
  requestForget,
  retireUploads,
  sweep,
} from '../../src/maintenance/index.js';
import { openForgetWorld, type ForgetWorld } from './support.js';

async function openWorld(): Promise<ForgetWorld> {
  const world = await openForgetWorld();
  onTestFinished(() => world.close());
  return world;
}

const SYSTEM = { scope: 'system', systemId: 'a' } as const;
const MEMORY = { scope: 'memory', systemId: 'a', kind: 'conversation', memoryId: '1' } as const;
const COLD = '2026-01-05T09:00:00';

const NOTHING = { rows: 0, objects: 0, uploads: 0 };

function filesIn(world: ForgetWorld, folder: string): Promise<string[]> {
  return readdir(join(world.folder, folder));
}

describe('what a forget finds in files that nothing names', () => {
  it('a tier’s file that was set aside goes, with its log', async () => {
    const world = await openWorld();
    await world.upload('a', [{ id: '1', text: 'xylophone' }]);
    const aside = await world.store.setAside('hot');
    await copyFile(aside, `${aside}.wal`);
    await world.forgetAll(MEMORY);
    expect((await filesIn(world, 'store')).filter((name) => name.includes('.damaged-'))).toEqual([]);
    expect(world.store.damaged()).toMatchObject([{ tier: 'hot' }]);
  });

  it('the file of an index goes where no index is made of it any more', async () => {
    const world = await openWorld();
    await world.upload('a', [{ id: '1', text: 'xylophone' }]);
    await mkdir(join(world.folder, 'index'));
    for (const name of ['all-MiniLM-L6-v2.vectors', 'all-MiniLM-L6-v2.vectors.new'])
      await writeFile(join(world.folder, 'index', name), 'vectors');
    await world.forgetAll(MEMORY);
    expect(await filesIn(world, 'index')).toEqual([]);
  });

  it('a copy of a cold object goes that a process left when it died between the object and its copy', async () => {
    const world = await openWorld();
    await world.upload('a', [{ id: '1', text: 'xylophone', at: COLD }]);
    await world.upload('b', [{ id: '1', text: 'stays', at: COLD }]);
    await world.age('2026-11-22T12:00:00Z');
    expect(await filesIn(world, 'cache/cold')).toHaveLength(2);
    await requestForget(world.forget, MEMORY);
    const died = new Error('died');
    const store = Object.create(world.store, {
      forgetObjects: {
        value: ([name = '']: string[]) =>
          name.startsWith('cold/') ? Promise.reject(died) : world.store.forgetObjects([name]),
      },
    }) as ForgetWorld['store'];
    await expect(erasePass({ ...world.forget, store }, MEMORY)).rejects.toBe(died);
    await world.forgetAll(MEMORY);
    expect(await filesIn(world, 'cache/cold')).toHaveLength(1);
    expect(await world.texts('b')).toEqual(['stays']);
  });

  it('rows that a sweep deleted leave their table, also where nothing that stands in it is forgotten', async () => {
    const world = await openWorld();
    await world.upload('a', [
      { id: '1', text: 'xylophone' },
      { id: '2', text: 'stays hot' },
    ]);
    const memories = [{ systemId: 'a', kind: 'conversation' as const, memoryId: '1' }];
    await moveChosen(world.forget, { selection: { memories }, from: 'hot', to: 'warm', after: null });
    await sweep(world.forget);
    expect(await sweep({ ...world.forget, now: () => Date.now() + 1_000 })).toMatchObject({ rows: 1 });
    await world.store.checkpoint();
    expect(await world.filesWith('xylophone')).toContain('store/hot.duckdb');
    await world.forgetAll(MEMORY);
    expect(await world.filesWith('xylophone')).toEqual([]);
    expect(await world.texts('a')).toEqual(['stays hot']);
  });
});

describe('what a forget finds of uploads', () => {
  const unfinished = { systemId: 'a', uploadId: '20261122_090000_0a1b2c3d' };

  it('files that were put before it, of an upload that never got its manifest, go', async () => {
    const world = await openWorld();
    const first = await world.upload('a', [{ id: '1', text: 'xylophone' }]);
    for (const name of ['reflection.duckdb', 'more/knowledge_graph.duckdb'])
      await world.uploads.put(uploadPrefix(unfinished) + name, 'xylophone');
    await world.uploads.put(uploadPrefix({ ...unfinished, systemId: 'b' }) + 'a.duckdb', 'of another');
    await requestForget(world.forget, SYSTEM);
    expect(await erasePass(world.forget, SYSTEM)).toMatchObject({ uploads: 2 });
    // Of a host that does not look whether it is to stop: its manifest may still come.
    await world.uploads.put(uploadPrefix(unfinished) + 'late.duckdb', 'late');
    expect(await erasePass(world.forget, SYSTEM)).toEqual(NOTHING);
    const receipt = await finishForget(world.forget, SYSTEM);
    expect(receipt.uploads).toEqual({ deleted: 2 });
    expect(await keysUnder(world, 'systems/')).toEqual([
      'systems/a/forgotten.json',
      `${uploadPrefix(unfinished)}late.duckdb`,
      receiptKey(first),
      `${uploadPrefix({ ...unfinished, systemId: 'b' })}a.duckdb`,
    ]);
  });

  it('a copy of one under the other name of its system goes, though nobody can queue it', async () => {
    const world = await openWorld();
    const [name, id] = ['laptop.local', 'x--laptop_2Elocal'];
    const { uploadId } = await world.put(name, [{ id: '1', text: 'xylophone' }]);
    for (const key of await keysUnder(world, `systems/${name}/`))
      await world.uploads.put(key.replace(name, id), await world.uploads.get(key));
    await world.forgetAll({ scope: 'system', systemId: id });
    const left = (await keysUnder(world, 'systems/')).filter((key) => !key.endsWith('/forgotten.json'));
    expect(left).toEqual([expect.stringMatching(`/${uploadId}/receipt.json`)]);
  });

  it('its receipt tells how many of its rows were refused as forgotten, so that its files go at once in another store too', async () => {
    const world = await openWorld();
    await world.upload('a', [{ id: '1', text: 'xylophone' }]);
    await world.forgetAll(MEMORY);
    const again = await world.upload('a', [
      { id: '1', text: 'xylophone' },
      { id: '2', text: 'stays' },
    ]);
    expect(await world.receipt(again)).toMatchObject({ rows: { refused: 1 }, forgotten_rows: 1 });
  });

  it('of one whose files retention took, the receipt says that its host is to send again', async () => {
    const world = await openWorld();
    const ref = await world.upload('a', [{ id: '1', text: 'xylophone' }]);
    await world.store.markSaved(Number.MAX_SAFE_INTEGER);
    const inTurn = <T>(_ref: UploadRef, work: () => Promise<T>): Promise<T> => work();
    const retention = { store: world.store, uploads: world.uploads, keepMs: 1, inTurn };
    await retireUploads({ ...retention, now: () => Date.now() + 1_000 }, null);
    expect(await world.store.getUpload(ref)).toMatchObject({ state: 'raw_gone', forgottenAt: null });
    await world.forgetAll(MEMORY);
    expect(await world.receipt(ref)).toHaveProperty('forgotten_at');
    expect(await world.uploads.head(manifestKey(ref))).toBeUndefined();
    await liftForget(world.forget, MEMORY);
    expect(await ingestUpload(world.context, await delivered(world))).toMatchObject({ rows: { new: 1 } });
  });
});

async function delivered(world: ForgetWorld): Promise<UploadRef> {
  const ref = await world.put('a', [{ id: '1', text: 'xylophone' }]);
  await registerUpload(world.context, ref);
  return ref;
}

async function keysUnder(world: ForgetWorld, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { objects } of world.uploads.list(prefix)) keys.push(...objects.map(({ key }) => key));
  return keys;
}
