import { expect, it } from 'vitest';
import { SYSTEM } from './protocol/world.js';
import { openWorld } from './support.js';

const ROWS = [
  { id: 'a', text: 'one' },
  { id: 'b', text: 'two' },
];

it('a list of what a system has is made within its bounds, and not where it would be empty', async () => {
  const world = await openWorld();
  await world.ingest('u1', 1, ROWS);
  await world.register('u2', 2, 1);
  const list = (bounds: { least?: number; most?: number; mostBytes?: number }, uploadId = 'u2') =>
    world.store.listKnown({ systemId: SYSTEM, uploadId }, world.file('known'), {
      ...{ least: 1, most: 2, mostBytes: 1000 },
      ...bounds,
    });
  expect(await list({})).toMatchObject({ rows: 2 });
  expect(await list({ least: 3 })).toBeUndefined();
  expect(await list({ most: 1 })).toBeUndefined();
  expect(await list({ mostBytes: 100 })).toBeUndefined();
  // What is before it may still come, so nothing that stands there is surely unchanged.
  await world.register('u4', 4, 3);
  expect(await list({ least: 0 }, 'u4')).toBeUndefined();
});
