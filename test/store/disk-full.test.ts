import { rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repairTier } from '../../src/maintenance/index.js';
import { eventually } from '../support/eventually.js';
import { smallDisk, type SmallDisk } from '../support/small-disk.js';
import { DAY, NOW, type Row, type World } from './protocol/world.js';
import { openWorld } from './support.js';

/** Each of a text of its own, together of more than what a file's last page has left. */
function rows(from: number, count: number, age = 1): Row[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `m${from + n}`,
    text: `memory ${from + n} ${'of a disk that was full '.repeat(40)}`,
    age,
  }));
}

/** A store with some memories, of whose folders one is on a disk that can be full. */
async function openOn(folder: 'store' | 'scratch', age = 1): Promise<{ world: World; disk: SmallDisk }> {
  const world = await openWorld();
  await world.store.close();
  const disk = await smallDisk(path.join(world.folder, folder), 48);
  await world.open();
  await world.ingest('u1', 1, rows(0, 50, age));
  return { world, disk };
}

/** Where a limit stands for the disk, SQLite has other words for it. */
async function expectFull({ isReal }: SmallDisk, work: Promise<unknown>): Promise<void> {
  const refused = expect(work).rejects;
  if (!isReal) return refused.toThrow();
  const message = expect.stringContaining('AKOSHA_DATA_DIR') as unknown;
  await refused.toMatchObject({ type: 'DiskFull', message });
}

/** All of these, in this tier, and nothing else. */
async function expectFound(world: World, expected: readonly Row[], tier = 'hot'): Promise<void> {
  const { memories } = await world.store.listMemories('host-1', { limit: 1000 });
  const found = memories.map((memory) => [memory.tier, memory.content]).toSorted();
  expect(found).toEqual(expected.map(({ text }) => [tier, text]).toSorted());
}

describe('a store whose disk is full', () => {
  it('takes nothing in, answers, and takes the same upload in once there is room', async () => {
    const { world, disk } = await openOn('store');
    await world.register('u2', 2, 1);
    const attempt = (): Promise<unknown> => world.commit('u2', rows(50, 200));
    disk.fill();
    await expectFull(disk, attempt());
    await expectFound(world, rows(0, 50));
    disk.free();
    // Room for the catalog's few pages, and none for the rows.
    disk.fill(300_000);
    await expectFull(disk, attempt());
    await expectFound(world, rows(0, 50));
    disk.free();
    await attempt();
    await world.finish('u2');
    await expectFound(world, rows(0, 250));
    await world.store.close();
    await world.open();
    expect(world.store.damaged()).toEqual([]);
    await expectFound(world, rows(0, 250));
  });

  it('moves nothing, and moves the same rows once there is room', async () => {
    const { world, disk } = await openOn('store');
    const asOf = NOW + 30 * DAY;
    const { moveToWarm } = world.library.maintenance;
    disk.fill();
    await expectFull(disk, moveToWarm(world.maintenance(), asOf));
    await expectFound(world, rows(0, 50));
    disk.free();
    expect(await moveToWarm(world.maintenance(), asOf)).toMatchObject({ moved: 50 });
    await expectFound(world, rows(0, 50), 'warm');
  });

  it('reads on where a log could not be folded in: the file is opened anew by itself', async () => {
    const { world, disk } = await openOn('store');
    disk.fill();
    await expectFull(disk, world.store.checkpoint());
    await eventually(() => expectFound(world, rows(0, 50)));
    disk.free();
    await world.store.checkpoint();
    await world.ingest('u2', 2, rows(50, 10), 1);
    await expectFound(world, rows(0, 60));
    expect(world.store.damaged()).toEqual([]);
  });

  it('is repaired once there is room, also where a repair had been begun before', async () => {
    const { world, disk } = await openOn('store');
    await world.store.checkpoint();
    await world.store.close();
    await rm(path.join(world.folder, 'store/hot.duckdb'));
    await world.open();
    const { operation } = await world.store.openRepair({ tier: 'hot', limit: 1000 });
    disk.fill();
    await expectFull(disk, operation?.close() ?? Promise.resolve());
    disk.free();
    expect(await repairTier(world.maintenance(), 'hot', () => undefined)).toMatchObject({ repaired: 50 });
    expect(world.store.damaged()).toEqual([]);
    await expectFound(world, rows(0, 50));
  });

  it('writes no cold object, no journal and no backup, and each once there is room', async () => {
    const { world, disk } = await openOn('scratch', 100);
    const { moveToCold } = world.library.maintenance;
    const [partition] = await world.store.coldPartitionsDue(NOW, true);
    if (partition === undefined) throw new Error('nothing is due');
    await world.register('u2', 2, 1);
    const ingest = await world.openIngest('u2', rows(50, 10, 100));
    await ingest.insertRows();
    disk.fill();
    await expectFull(disk, moveToCold(world.maintenance(), NOW, partition));
    await expectFull(disk, world.backup());
    await expectFull(disk, ingest.exportJournal(world.file('journal')));
    await expectFound(world, rows(0, 50, 100), 'warm');
    disk.free();
    await ingest.commit(await world.putJournal(ingest, 'u2'));
    await ingest.close();
    await world.finish('u2');
    await world.moveAllToCold();
    await expectFound(world, rows(0, 60, 100), 'cold');
    expect((await world.backup()).key).not.toBeNull();
  });
});
