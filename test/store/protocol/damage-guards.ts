import assert from 'node:assert/strict';
import { copyFile, rename, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { FILES, type Guard } from './guard.js';

/** Guards against files that are not what was written. */
export const DAMAGE_GUARDS: readonly Guard[] = [
  {
    name: 'a-row-is-its-placements-by-its-hash',
    prevents: 'a damaged catalog shows the text of another memory',
    without: [{ file: FILES.currentRows, from: 'row?.hash !== place.hash', to: 'row === undefined' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [
        { id: 'a', text: 'one' },
        { id: 'b', text: 'two' },
      ]);
      const [a] = world.read<{ row_id: number }>(`SELECT row_id FROM placements WHERE memory_id = 'a'`);
      assert.ok(a);
      // What bytes of its file may turn into.
      world.sql(`UPDATE placements SET row_id = -row_id WHERE memory_id = 'a'`);
      world.sql(`UPDATE placements SET row_id = ${a.row_id} WHERE memory_id = 'b'`);
      assert.equal(await world.find('b'), undefined, broken);
    },
  },
  {
    name: 'fewer-rows-than-placements-are-damage',
    prevents: 'a tier whose file is empty counts as whole, and lacks memories without a word',
    conditions: [{ file: FILES.damage, from: 'await lacksNewest(', to: 'false && await lacksNewest(' }],
    without: [{ file: FILES.damage, from: '< counts[tier].rows', to: '< 0' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.store.checkpoint();
      await world.store.close();
      await truncate(path.join(world.folder, 'store/hot.duckdb'), 0);
      await world.open();
      assert.deepEqual(
        world.store.damaged().map(({ tier }) => tier),
        ['hot'],
        broken,
      );
    },
  },
  {
    name: 'newest-rows-are-looked-for',
    prevents: 'a tier whose log is lost counts as whole where that held as many deletions as memories',
    without: [{ file: FILES.damage, from: 'await lacksNewest(', to: 'false && await lacksNewest(' }],
    scenario: async (world, broken) => {
      const hot = path.join(world.folder, 'store/hot.duckdb');
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.store.checkpoint();
      await copyFile(hot, `${hot}.kept`);
      await world.ingest('u2', 2, [{ id: 'a', text: 'two' }], 1);
      await world.store.close();
      await rm(`${hot}.wal`, { force: true });
      await rename(`${hot}.kept`, hot);
      await world.open();
      assert.deepEqual(
        world.store.damaged().map(({ tier }) => tier),
        ['hot'],
        broken,
      );
    },
  },
];
