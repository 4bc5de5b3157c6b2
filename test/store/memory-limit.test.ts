import { expect, it } from 'vitest';
import { DAY, NOW, type Row, type World } from './protocol/world.js';
import { openWorld } from './support.js';

const SMALL: Row[] = [{ id: 'small', text: 'a small memory' }];
/** 6 MB together. */
const LARGE: Row[] = Array.from({ length: 60 }, (_, n) => ({
  id: `large ${n}`,
  text: `${n} ${'long '.repeat(20_000)}`,
}));

async function reopen(world: World, memoryMb: number): Promise<void> {
  await world.store.close();
  await world.open(900_000, { memoryMb });
}

async function tiers(world: World): Promise<string[]> {
  const { memories } = await world.store.listMemories('host-1', { limit: 1000 });
  return memories.map(({ tier }) => tier);
}

it('what needs more memory than DuckDB may use names the setting, harms no other, and is done with more', async () => {
  const world = await openWorld();
  await reopen(world, 16);
  const exceeded = {
    type: 'MemoryExceeded',
    message: expect.stringMatching(/may use 16 MiB.*AKOSHA_STORE_MEMORY_MB/) as unknown,
  };
  await world.ingest('u1', 1, SMALL);
  await world.register('u2', 2, 1);
  await expect(world.commit('u2', LARGE)).rejects.toMatchObject(exceeded);
  expect(await tiers(world)).toEqual(['hot']);
  await reopen(world, 512);
  await world.commit('u2', LARGE);
  await world.finish('u2');

  await reopen(world, 16);
  const { moveToWarm } = world.library.maintenance;
  const asOf = NOW + 30 * DAY;
  await expect(moveToWarm(world.maintenance(), asOf)).rejects.toMatchObject(exceeded);
  expect(await world.find('small')).toMatchObject({ tier: 'hot', content: 'a small memory' });
  await reopen(world, 512);
  expect(await moveToWarm(world.maintenance(), asOf)).toMatchObject({ moved: 61 });
  expect(new Set(await tiers(world))).toEqual(new Set(['warm']));
});
