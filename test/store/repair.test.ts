import { open, readdir, rm, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { repairTier, type RepairProgress } from '../../src/maintenance/index.js';
import type { RepairableTier } from '../../src/contract/index.js';
import { openWorld } from './support.js';
import { NOW, type World } from './protocol/world.js';

const DAY = 86_400_000;
/** Hot, on two days, and warm. */
const ROWS = [
  { id: 'a', text: 'alpha', age: 1 },
  { id: 'b', text: 'beta', age: 3 },
  { id: 'c', text: 'gamma', age: 30 },
];
const IDS = ROWS.map(({ id }) => id);

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await world.ingest('u1', 1, ROWS);
});

const file = (tier: RepairableTier): string => path.join(world.folder, 'store', `${tier}.duckdb`);

/** What befell a file while no server ran. */
async function whileClosed(work: () => Promise<unknown>): Promise<void> {
  await world.store.checkpoint();
  await world.store.close();
  await work();
  await world.open();
}

async function lose(tier: RepairableTier): Promise<void> {
  await rm(file(tier), { force: true });
  await rm(`${file(tier)}.wal`, { force: true });
}

async function found(): Promise<(string | undefined)[]> {
  return Promise.all(
    IDS.map(async (id) => {
      const memory = await world.find(id);
      return memory && `${memory.tier} ${memory.content}`;
    }),
  );
}

function repair(tier: RepairableTier): Promise<RepairProgress> {
  return repairTier(world.maintenance(), tier, () => undefined);
}

const WHOLE = ['hot alpha', 'hot beta', 'warm gamma'];

describe('a tier whose file is gone', () => {
  it('is out, also for the next process, until a repair brings it back from the journal', async () => {
    await whileClosed(() => lose('hot'));
    expect(world.store.damaged()).toEqual([{ tier: 'hot', since: world.now }]);
    expect(await found()).toEqual([undefined, undefined, 'warm gamma']);
    await whileClosed(() => Promise.resolve());
    expect(world.store.damaged()).toHaveLength(1);
    expect(await repair('hot')).toEqual({
      tier: 'hot',
      setAside: null,
      checked: 2,
      lost: 2,
      repaired: 2,
      held: [],
    });
    expect([world.store.damaged(), await found()]).toEqual([[], WHOLE]);
    await whileClosed(() => Promise.resolve());
    expect(world.store.damaged()).toEqual([]);
  });

  it('has its vectors again, rounded where they were', async () => {
    const vector = Float32Array.from({ length: 384 }, (_, i) => Math.sin(i + 'gamma'.length));
    const query = { model: 'all-MiniLM-L6-v2', values: vector };
    const nearest = () => world.store.searchVectors('warm', query, { tiers: ['warm'] }, 1);
    const before = await nearest();
    await whileClosed(() => lose('warm'));
    expect(await nearest()).toEqual([]);
    await repair('warm');
    expect(await nearest()).toEqual(before);
  });

  it('is written to by ingests meanwhile, and its rows age once they are back', async () => {
    await whileClosed(() => lose('hot'));
    await world.ingest('u2', 2, [{ id: 'b', text: 'beta again', age: 3 }], 1);
    expect(await repair('hot')).toMatchObject({ checked: 2, lost: 1, repaired: 1 });
    expect(await found()).toEqual(['hot alpha', 'hot beta again', 'warm gamma']);
    expect((await world.store.countDue(NOW + 30 * DAY)).hot).toBe(2);
  });

  it('stays damaged while what it lost is in the batch of a move', async () => {
    await whileClosed(() => lose('hot'));
    const move = await world.store.openMove(NOW + 30 * DAY, 10);
    expect(await repair('hot')).toMatchObject({ checked: 2, lost: 2, repaired: 0, held: [] });
    expect(world.store.damaged()).toHaveLength(1);
    await move?.close();
    expect(await repair('hot')).toMatchObject({ lost: 2, repaired: 2 });
    expect([world.store.damaged(), await found()]).toEqual([[], WHOLE]);
  });

  it('gets back what only a cold object keeps', async () => {
    const { maintenance } = world.library;
    const asOf = NOW + 365 * DAY;
    for (const partition of await world.store.coldPartitionsDue(asOf, true))
      await maintenance.moveToCold(world.maintenance(), asOf, partition);
    const selection = { systemId: 'host-1' };
    await maintenance.moveChosen(world.maintenance(), { selection, from: 'cold', to: 'warm', after: null });
    await whileClosed(() => lose('warm'));
    expect(await repair('warm')).toMatchObject({ lost: 1, repaired: 1, held: [] });
    expect(await found()).toEqual(WHOLE);
  });

  it('keeps saying so where its keeper is gone as well, and is repaired once that is back', async () => {
    const [journal = ''] = await world.objectNames('journal/');
    const bytes = await world.archive.get(journal);
    await whileClosed(() => lose('hot'));
    await world.archive.delete([journal]);
    await expect(repair('hot')).rejects.toMatchObject({ type: 'ObjectNotFound' });
    expect(world.store.damaged()).toHaveLength(1);
    await world.archive.put(journal, bytes);
    expect(await repair('hot')).toMatchObject({ repaired: 2 });
  });
});

describe('a tier whose file cannot be opened', () => {
  it.each(['hot', 'warm'] as const)('is set aside when the store opens: %s', async (tier) => {
    await whileClosed(() => truncate(file(tier), 5000));
    expect(world.store.damaged()).toMatchObject([{ tier }]);
    expect(
      (await readdir(path.dirname(file(tier)))).filter((name) => name.includes('.damaged-')),
    ).toHaveLength(1);
    await repair(tier);
    expect([world.store.damaged(), await found()]).toEqual([[], WHOLE]);
  });
});

describe('a tier whose file opens, and cannot be read', () => {
  it('is set aside by the repair, beside a server that goes on', async () => {
    await whileClosed(() => cutLastBlocks(file('hot')));
    expect(world.store.damaged()).toEqual([{ tier: 'hot', since: world.now }]);
    expect(await repair('hot')).toMatchObject({
      setAside: { reason: expect.stringContaining('IO Error') as unknown },
      lost: 2,
      repaired: 2,
    });
    expect([world.store.damaged(), await found()]).toEqual([[], WHOLE]);
    await world.ingest('u2', 2, [{ id: 'd', text: 'delta' }], 1);
    expect((await world.find('d'))?.tier).toBe('hot');
  });

  it('places nothing that was written to it before it was set aside', async () => {
    await world.register('u2', 2, 1);
    const ingest = await world.openIngest('u2', [{ id: 'd', text: 'delta' }]);
    await ingest.insertRows();
    const journal = await world.putJournal(ingest, 'u2');
    await world.store.setAside('hot');
    await expect(ingest.commit(journal)).rejects.toMatchObject({ type: 'OperationClosed' });
    await ingest.close();
  });
});

it.each([
  ['cut short', (at: number) => truncate(file('hot'), at)],
  ['with a flipped byte', (at: number) => flip(file('hot'), at)],
])('wherever a file is %s, the store opens, and a repair brings it back', async (_how, damage) => {
  await world.store.checkpoint();
  const { size } = await stat(file('hot'));
  // A block of DuckDB's is 256 KiB, and behind the last there is nothing to lose.
  for (let length = 0; length < size; length += Math.max(4096, Math.floor(size / 7 / 4096) * 4096)) {
    await whileClosed(() => damage(length));
    await repair('hot');
    expect({ length, found: await found() }).toEqual({ length, found: WHOLE });
  }
});

it('a row that is right is left alone', async () => {
  expect(await repair('hot')).toMatchObject({ checked: 2, lost: 0, repaired: 0, setAside: null });
});

/** Those before hold what DuckDB needs to open a file. */
async function cutLastBlocks(name: string): Promise<void> {
  const { size } = await stat(name);
  await truncate(name, Math.floor(size / 2));
}

async function flip(name: string, at: number): Promise<void> {
  const handle = await open(name, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, at);
    await handle.write(Buffer.from([(byte[0] ?? 0) ^ 0xff]), 0, 1, at);
  } finally {
    await handle.close();
  }
}
