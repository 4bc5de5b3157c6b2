import { expect, it } from 'vitest';
import { search } from '../../src/search/index.js';
import type { SearchFilters, StoredMemory } from '../../src/store/index.js';
import { NOW, SYSTEM, type World } from './protocol/world.js';
import { openWorld } from './support.js';

const TIERS = ['hot', 'warm', 'cold'] as const;
const DAY = 86_400_000;

async function ingest(
  world: World,
  uploadId: string,
  order: number,
  texts: Record<string, string>,
): Promise<void> {
  await world.register(uploadId, order);
  const rows = Object.entries(texts).map(([id, text]) => ({ id, text, age: id === 'hot' ? 1 : 40 }));
  await world.commit(uploadId, rows);
  await world.finish(uploadId);
}

async function found(world: World, knownBy: number, text = 'zebra'): Promise<string[]> {
  const context = { store: world.store, embedder: undefined, timeoutMs: 20_000 };
  const { results, partial } = await search(context, { text, knownBy, limit: 100 });
  expect(partial).toEqual([]);
  return results.map(({ memoryId, content }) => `${memoryId}: ${content}`).toSorted();
}

it('finds what had been ingested by then, in its present wording, through changes, moves and a restart', async () => {
  const world = await openWorld();
  world.now = 1000;
  await ingest(world, 'u1', 1, { hot: 'a zebra', warm: 'a zebra too' });
  world.now = 2000;
  await ingest(world, 'u2', 2, { hot: 'a zebra, renamed', warm: 'a zebra too', late: 'a late zebra' });
  const early = ['hot: a zebra, renamed', 'warm: a zebra too'];
  const check = async (): Promise<void> => {
    expect(await found(world, 999)).toEqual([]);
    expect(await found(world, 1000)).toEqual(early);
    expect(await found(world, 1999)).toEqual(early);
    expect(await found(world, 2000)).toEqual([...early, 'late: a late zebra'].toSorted());
  };
  await check();
  await world.store.close();
  await world.open();
  await check();

  const context = world.maintenance();
  const { maintenance } = world.library;
  const later = NOW + 400 * DAY;
  await maintenance.moveToWarm(context, later);
  for (const partition of await world.store.coldPartitionsDue(later, true))
    await maintenance.moveToCold(context, later, partition);
  expect((await world.store.countTiers()).cold.rows).toBe(3);
  await check();
});

it('finds the few that were known behind many better ones that were not', async () => {
  const world = await openWorld();
  world.now = 1000;
  await ingest(world, 'u1', 1, {
    first: 'a zebra somewhere in the middle of quite a long text about other things',
  });
  world.now = 2000;
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`n${i}`, `zebra zebra ${i}`]));
  await ingest(world, 'u2', 2, many);
  const later = NOW + 400 * DAY;
  const context = world.maintenance();
  await world.library.maintenance.moveToWarm(context, later);
  for (const partition of await world.store.coldPartitionsDue(later, true))
    await world.library.maintenance.moveToCold(context, later, partition);
  const filters: SearchFilters = { tiers: TIERS, knownBy: 1000 };
  const candidates = await world.store.searchWords('cold', ['zebra'], filters, 10);
  expect(candidates.map(({ memoryId }) => memoryId)).toEqual(['first']);
  const [memory]: StoredMemory[] = await world.store.fetch(
    [{ systemId: SYSTEM, kind: 'conversation', memoryId: 'first' }],
    TIERS,
  );
  expect(memory?.knownSince).toBe(1000);
  expect(await found(world, 1000)).toHaveLength(1);
});
