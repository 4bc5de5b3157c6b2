import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openWorld } from '../store/support.js';
import { SYSTEM, type World } from '../store/protocol/world.js';

const UPLOADS = `SELECT upload_id, ord, state, committed_at, dropped_by, rows_new, again_requested_at FROM uploads ORDER BY upload_id`;
const PINS = `SELECT kind, memory_id, tier, since, reason FROM pins`;

/** What nothing but a backup tells: an upload whose raw files and receipt are gone, one that is marked, one dropped, and a pin. */
async function worldOfBackups(): Promise<World> {
  const world = await openWorld();
  await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
  await world.ingest('u2', 2, [{ id: 'b', text: 'two' }], 1);
  await world.register('u3', 3, 2);
  for (const id of ['u1', 'u2']) await world.putReceipt(id);
  await world.putManifest('u3');
  const u3 = { systemId: SYSTEM, uploadId: 'u3' };
  await world.store.quarantine(u3, 'no database');
  await world.store.drop(u3, { by: 'somebody', reason: 'a test' });
  await world.store.requestAgain({ systemId: SYSTEM, uploadId: 'u2' });
  world.sql(
    `INSERT INTO pins (system_id, kind, memory_id, source, tier, since, reason)
     VALUES ('${SYSTEM}', 'conversation', 'a', 'pin', 'hot', 7, 'mine')`,
  );
  return world;
}

async function retireRaw(world: World, uploadId: string): Promise<void> {
  const { manifestKey, receiptKey } = world.library.contract;
  const ref = { systemId: SYSTEM, uploadId };
  await world.archive.delete([manifestKey(ref), receiptKey(ref)]);
}

it('what no object tells comes back from the backup, and nothing is put where nothing changed', async () => {
  const world = await worldOfBackups();
  expect(await world.backup()).toMatchObject({
    key: expect.stringMatching(/^backup\/store-/) as string,
    rows: 6,
  });
  expect(await world.backup()).toEqual({ key: null, rows: 0 });
  await retireRaw(world, 'u1');
  const [uploads, pins] = [world.read<{ state: string }>(UPLOADS), world.read(PINS)];
  await world.lose();
  expect(await world.rebuild()).toMatchObject({ memories: 2, uploads: 3, pending: 0 });
  expect(world.read(UPLOADS)).toEqual([{ ...uploads[0], state: 'raw_gone' }, ...uploads.slice(1)]);
  expect(world.read(PINS)).toEqual(pins);
});

it('a broken backup falls back to the one before it, and that to none', async () => {
  const world = await worldOfBackups();
  const first = await world.backup();
  world.now += 1000;
  await world.ingest('u4', 4, [{ id: 'c', text: 'three' }], 3);
  await world.putReceipt('u4');
  const second = await world.backup();
  await retireRaw(world, 'u1');
  const damage = (key: string | null): Promise<void> =>
    writeFile(path.join(world.folder, 'objects', key ?? ''), 'no backup');
  await damage(second.key);
  await world.lose();
  const damaged: string[] = [];
  await world.rebuild({ onDamaged: (key) => damaged.push(key) });
  expect(damaged).toEqual([second.key]);
  // What the one before lacks, receipts tell; and what they do not, it does.
  expect(world.read(`SELECT upload_id FROM uploads`)).toHaveLength(4);
  await damage(first.key);
  await world.lose();
  await world.rebuild({ onDamaged: (key) => damaged.push(key) });
  expect(damaged).toEqual([second.key, second.key, first.key]);
  expect(world.read(`SELECT upload_id FROM uploads`)).toHaveLength(3);
  expect((await world.find('a'))?.content).toBe('one');
});

it('the backup that the pointer names is the newest, whatever the clock said', async () => {
  const world = await worldOfBackups();
  world.now += 3_600_000;
  await world.backup();
  world.now -= 1_800_000;
  world.sql(`UPDATE pins SET reason = 'changed since'`);
  await world.backup();
  await world.lose();
  await world.rebuild();
  expect(world.read(PINS)).toMatchObject([{ reason: 'changed since' }]);
});

it('a receipt that was put since the backup says more than it', async () => {
  const world = await openWorld();
  world.now = Date.now();
  await world.register('u1', 1);
  await world.store.quarantine({ systemId: SYSTEM, uploadId: 'u1' }, 'no database');
  await world.backup();
  await world.store.requeue({ systemId: SYSTEM, uploadId: 'u1' });
  await world.commit('u1', [{ id: 'a', text: 'one' }]);
  await world.finish('u1');
  await world.putReceipt('u1');
  await world.lose();
  await world.rebuild();
  expect(await world.store.getUpload({ systemId: SYSTEM, uploadId: 'u1' })).toMatchObject({ state: 'done' });
  expect((await world.find('a'))?.content).toBe('one');
});

it('old backups go, but for as many as are kept', async () => {
  const world = await openWorld();
  const keys: (string | null)[] = [];
  for (const n of [1, 2, 3]) {
    world.now += 1000;
    await world.ingest(`u${n}`, n, [{ id: 'a', text: `version ${n}` }], n === 1 ? null : n - 1);
    keys.push((await world.backup()).key);
  }
  expect(await world.objectNames('backup/store-')).toEqual(keys.slice(1));
});
