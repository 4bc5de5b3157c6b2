import assert from 'node:assert/strict';
import { NOW, SYSTEM, type World } from './world.js';

import type { Guard } from './guard.js';

const YEAR_LATER = NOW + 366 * 86_400_000;

/** Two memories of one month, each in a cold object of its own. */
async function twoObjects(world: World): Promise<string[]> {
  await world.ingest('u1', 1, [
    { id: 'a', text: 'one', age: 200 },
    { id: 'b', text: 'two', age: 201 },
  ]);
  const { moveToCold } = world.library.maintenance;
  for (const _ of [1, 2]) {
    const [partition] = await world.store.coldPartitionsDue(YEAR_LATER, true);
    assert.ok(partition);
    await moveToCold({ ...world.maintenance(), batchRows: 1 }, YEAR_LATER, partition);
  }
  const objects = await world.objectNames('cold/');
  assert.equal(objects.length, 2);
  return objects;
}

/** Guards of compaction. */
export const COMPACT_GUARDS: readonly Guard[] = [
  {
    name: 'compaction-deletes-nothing-itself',
    prevents: 'a search that reads the old object, or a rebuild before the commit, finds it gone',
    without: [
      {
        file: 'maintenance/compact.js',
        from: "failPoint('compact.before-commit');",
        to: "await context.archive.delete(group.sources.map(({ name }) => name));\n            failPoint('compact.before-commit');",
      },
    ],
    scenario: async (world, broken) => {
      const before = await twoObjects(world);
      const [partition] = await world.store.compactionsDue(true);
      assert.ok(partition);
      await world.library.maintenance.compactCold(world.maintenance(), partition, { all: true });
      const standing = await world.objectNames('cold/');
      assert.deepEqual(
        before.filter((name) => !standing.includes(name)),
        [],
        broken,
      );
      assert.equal(standing.length, 3);
    },
  },
  {
    name: 'compaction-keeps-what-was-thawed',
    prevents: 'a thawed memory whose cold row was left out of the merged object stands on this disk alone',
    without: [
      {
        file: 'store/embedded/catalog/compaction.js',
        from: 'JOIN placements p ON p.keeper_id = o.object_id\n     WHERE',
        to: 'JOIN placements p ON p.object_id = o.object_id\n     WHERE',
      },
    ],
    scenario: async (world, broken) => {
      await twoObjects(world);
      const { moveChosen, compactCold } = world.library.maintenance;
      const selection = { memories: [{ systemId: SYSTEM, kind: 'conversation' as const, memoryId: 'a' }] };
      const thawed = await moveChosen(world.maintenance(), {
        selection,
        from: 'cold',
        to: 'warm',
        after: null,
      });
      assert.equal(thawed.moved, 1);
      const [partition] = await world.store.compactionsDue(true);
      assert.ok(partition);
      await compactCold(world.maintenance(), partition, { all: true });
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.equal((await world.objectNames('cold/')).length, 1);
      assert.equal(await world.rebuilt('a'), 'one', broken);
      assert.equal(await world.rebuilt('b'), 'two');
    },
  },
];
