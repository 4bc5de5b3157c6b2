import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import type { ObjectStore } from '../../src/objects/index.js';
import { openWorld } from './support.js';
import { SYSTEM, type World } from './protocol/world.js';

/** Two uploads with their receipts: one memory changed, one new in the second, one old enough for warm. */
async function twoUploads(): Promise<World> {
  const world = await openWorld();
  await world.ingest('u1', 1, [
    { id: 'a', text: 'one' },
    { id: 'old', text: 'from last month', age: 30 },
  ]);
  await world.ingest(
    'u2',
    2,
    [
      { id: 'a', text: 'two' },
      { id: 'b', text: 'new' },
    ],
    1,
  );
  for (const id of ['u1', 'u2']) await world.putReceipt(id);
  return world;
}

const CONTENTS = `SELECT memory_id, hash, ord, upload_id, deleted, tier, own_time, known_since FROM placements ORDER BY memory_id`;

it('a store is made anew from receipts, journals and cold objects: the same memories, tiers, words and ledger', async () => {
  const world = await twoUploads();
  await world.ingest('u3', 3, [{ id: 'cold', text: 'a winter long ago', age: 200 }], 2);
  await world.putReceipt('u3');
  await world.moveAllToCold();
  const placed = world.read(CONTENTS);
  const uploads = `SELECT upload_id, ord, state, rows_new, rows_changed FROM uploads ORDER BY upload_id`;
  const ledger = world.read(uploads);
  await world.lose();
  const rebuilt = await world.rebuild();
  expect(rebuilt).toMatchObject({ memories: 4, journals: 3, cold: 1, ignored: 0, uploads: 3, pending: 0 });
  expect(world.read(CONTENTS)).toEqual(placed);
  expect(world.read(uploads)).toEqual(ledger);
  for (const [id, text] of Object.entries({ a: 'two', b: 'new', cold: 'a winter long ago' }))
    expect((await world.find(id))?.content).toBe(text);
  const found = await world.store.searchWords('warm', ['month'], { tiers: ['warm'] }, 10);
  expect(found.map(({ memoryId }) => memoryId)).toEqual(['old']);
  // What stands beside is swept: the journals of what is cold, and of what was changed.
  await world.sweepAfter(1000);
  await world.sweepAfter(1000);
  expect(world.read(CONTENTS)).toEqual(placed);
  expect(await world.store.countTiers()).toMatchObject({
    hot: { rows: 2 },
    warm: { rows: 1 },
    cold: { rows: 1 },
  });
  // It goes on as any other: a later upload is compared with what was rebuilt.
  const counts = await world.ingest(
    'u4',
    4,
    [
      { id: 'a', text: 'two' },
      { id: 'b', text: 'changed' },
    ],
    3,
  );
  expect(counts).toMatchObject({ unchanged: 1, changed: 1 });
});

it('what was deleted, and what is forgotten, does not come back', async () => {
  const world = await twoUploads();
  world.mirrors = ['conversation'];
  await world.ingest('u3', 3, [{ id: 'a', text: 'two' }], 2);
  await world.putReceipt('u3');
  await world.putTombstone('a');
  await world.lose();
  expect(await world.rebuild()).toMatchObject({ memories: 0, tombstones: 1 });
  expect(await world.find('a')).toBeUndefined();
  expect(await world.find('b')).toBeUndefined();
});

it('what was refused as forgotten is counted as before, so that its files go at once', async () => {
  const world = await twoUploads();
  await world.forgetAll({ scope: 'memory', systemId: SYSTEM, kind: 'conversation', memoryId: 'b' });
  await world.ingest('u3', 3, [{ id: 'b', text: 'new' }], 2);
  await world.putReceipt('u3');
  await world.lose();
  await world.rebuild();
  expect(await world.store.getUpload({ systemId: SYSTEM, uploadId: 'u3' })).toMatchObject({
    state: 'done',
    forgottenRows: 1,
  });
  const after = { part: 'expired', since: 0, systemId: '', uploadId: '' } as const;
  await world.store.markSaved(Number.MAX_SAFE_INTEGER);
  const due = await world.store.uploadsToRetire({ before: 0, after, limit: 10 });
  expect(due.map(({ uploadId }) => uploadId)).toEqual(['u3']);
});

it('an empty store is not begun beside the objects of another, unless it is to be', async () => {
  const world = await twoUploads();
  await world.lose();
  await expect(world.open()).rejects.toMatchObject({
    type: 'StoreLost',
    message: expect.stringMatching(/akosha rebuild.*AKOSHA_BEGIN_EMPTY_STORE/) as string,
  });
  await world.open(undefined, { beginsEmpty: true });
  expect(await world.find('a')).toBeUndefined();
  await world.store.close();
  await expect(world.rebuild()).rejects.toMatchObject({ type: 'BadRequest' });
  await world.open();
});

it('a damaged object ends the rebuild, which goes on with it left out', async () => {
  const world = await twoUploads();
  const [journal = ''] = await world.objectNames(`journal/system=${SYSTEM}/u2`);
  const file = path.join(world.folder, 'objects', journal);
  const bytes = await readFile(file);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(file, bytes);
  await world.lose();
  await expect(world.rebuild()).rejects.toMatchObject({
    type: 'ObjectCorrupt',
    details: { object: journal },
  });
  await expect(world.open()).rejects.toMatchObject({ type: 'StoreLost' });
  expect(await world.rebuild({ skipDamaged: true })).toMatchObject({ damaged: [journal], memories: 2 });
  expect((await world.find('a'))?.content).toBe('one');
  // It may be put back as it was: no sweep takes the only copy of its rows.
  await world.sweepAfter(1000);
  await world.sweepAfter(1000);
  expect(await world.objectNames('journal/')).toContain(journal);
  bytes[100] = (bytes.at(100) ?? 0) ^ 1;
  await writeFile(file, bytes);
  await world.lose();
  expect(await world.rebuild()).toMatchObject({ damaged: [], memories: 3 });
  await world.sweepAfter(1000);
  expect((await world.find('a'))?.content).toBe('two');
});

it('a journal that a forget wrote anew does not come before the cold object made of its rows', async () => {
  const world = await openWorld();
  await world.ingest('u1', 1, [
    { id: 'a', text: 'long cold', age: 200 },
    { id: 'b', text: 'hot' },
    { id: 'x', text: 'forgotten' },
  ]);
  await world.putReceipt('u1');
  await world.moveAllToCold();
  await world.forgetAll({ scope: 'memory', systemId: SYSTEM, kind: 'conversation', memoryId: 'x' });
  await world.lose();
  expect(await world.rebuild()).toMatchObject({ memories: 2 });
  expect((await world.find('a'))?.tier).toBe('cold');
});

it('a receipt whose manifest is gone still tells of its upload', async () => {
  const world = await twoUploads();
  await world.archive.delete([`systems/${SYSTEM}/uploads/u1/manifest.json`]);
  await world.lose();
  expect(await world.rebuild()).toMatchObject({ memories: 3, uploads: 2 });
  expect(await world.store.getUpload({ systemId: SYSTEM, uploadId: 'u1' })).toMatchObject({
    state: 'raw_gone',
    order: 1,
    rows: { new: 2 },
  });
});

it('an object that cannot be fetched while the rows of others are taken is told, and taken when the rebuild goes on', async () => {
  const world = await twoUploads();
  await world.ingest('u3', 3, [{ id: 'cold', text: 'a winter long ago', age: 200 }], 2);
  await world.putReceipt('u3');
  await world.moveAllToCold();
  await world.lose();
  const unhandled: unknown[] = [];
  const note = (reason: unknown): number => unhandled.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  // A double, for the fault: cold objects come, and journals, which are fetched while those are taken, do not.
  const { archive } = world;
  const getFile: ObjectStore['getFile'] = (key, file, options) =>
    key.startsWith('journal/')
      ? Promise.reject(new AkoshaError('DiskFull', 'no space is left'))
      : archive.getFile(key, file, options);
  const failing = new Proxy(archive, {
    get: (target, name) => {
      const value: unknown = name === 'getFile' ? getFile : Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  await expect(world.rebuild({ archive: failing })).rejects.toThrow('no space is left');
  expect(unhandled).toEqual([]);
  expect(await world.rebuild()).toMatchObject({ memories: 4 });
});
