import { expect, it } from 'vitest';
import type { SearchFilters } from '../../src/store/index.js';
import { moveToWarm } from '../../src/maintenance/index.js';
import { NOW } from './protocol/world.js';
import { openWorld } from './support.js';

it('the best of hot and warm come by one search of the words, with filters and without', async () => {
  const world = await openWorld();
  const rows = Array.from({ length: 60 }, (_, i) => ({
    id: `m${i}`,
    text: `zebra ${'and '.repeat(i)}`,
    age: i % 2 === 0 ? 1 : 40,
  }));
  await world.ingest('u1', 1, rows);
  while ((await moveToWarm(world.maintenance(), NOW)).due > 0);
  const find = async (more: Partial<SearchFilters>): Promise<string[][]> => {
    const filters: SearchFilters = { tiers: ['hot', 'warm'], ...more };
    const found = await Promise.all(
      filters.tiers.map((tier) => world.store.searchWords(tier, ['zebra'], filters, 10)),
    );
    return found.map((part) => part.map(({ memoryId }) => memoryId));
  };
  // The shorter the text the better it matches.
  const even = Array.from({ length: 10 }, (_, i) => `m${2 * i}`);
  const odd = Array.from({ length: 10 }, (_, i) => `m${2 * i + 1}`);
  expect(await find({})).toEqual([even, odd]);
  expect(await find({ since: 0 })).toEqual([even, odd]);
  expect(await find({ tiers: ['warm'] })).toEqual([odd]);
});
