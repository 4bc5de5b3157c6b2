import assert from 'node:assert/strict';
import type { ForgetScope } from '../../../src/contract/index.js';
import { scopeIdOf } from '../../../src/memory/index.js';
import { FILES, type Guard } from './guard.js';
import { NOW, type World } from './world.js';

const PROJECT: ForgetScope = { scope: 'project', systemId: null, project: 'p' };
const REBUILD_FORGOTTEN = 'store/embedded/catalog/rebuild-forgotten.js';

/** Guards of a rebuild in the middle of a forget. */
export const LEFTOVER_GUARDS: readonly Guard[] = [
  {
    name: 'rebuild-refuses-what-goes-with-a-project',
    prevents: 'an older version of another project is found again after a rebuild',
    // Of objects that are read together the newest version alone is looked at.
    conditions: [{ file: 'maintenance/rebuild/objects.js', from: 'objects: 256', to: 'objects: 1' }],
    without: [{ file: FILES.rebuildObjects, from: ' OR ${GOES_WITH_PROJECT}', to: '' }],
    scenario: async (world, broken) => {
      await olderAndForgotten(world, {});
      assert.equal(await world.find('a'), undefined, broken);
    },
  },
  {
    name: 'rebuild-takes-back-what-goes-with-a-project',
    prevents: 'an older version that was read first is found again after a rebuild',
    without: [
      {
        file: REBUILD_FORGOTTEN,
        from: 'DELETE FROM placements WHERE',
        to: 'DELETE FROM placements WHERE 0 AND',
      },
    ],
    scenario: async (world, broken) => {
      // Cold objects are read before journals.
      await olderAndForgotten(world, { age: 200 });
      assert.equal(await world.find('a'), undefined, broken);
    },
  },
  {
    name: 'rebuild-hands-on-what-goes-with-a-project',
    prevents: 'an older version stands in an object after the receipt',
    without: [{ file: 'store/embedded/catalog/rebuild.js', from: 'keepForgottenKeys(db);', to: '' }],
    scenario: async (world, broken) => {
      await olderAndForgotten(world, {});
      await world.forgetAll(PROJECT);
      assert.deepEqual(await world.textsInObjects(), ['moved on', 'older, too', 'stays'], broken);
      assert.equal((await world.find('c'))?.content, 'moved on');
    },
  },
];

/** A store that is lost between the tombstone of a project and its receipt, made anew. Of `a` the older version is of another project. */
async function olderAndForgotten(world: World, { age = 1 }: { age?: number }): Promise<void> {
  await world.ingest('u1', 1, [
    { id: 'a', text: 'older', project: 'q', age },
    { id: 'b', text: 'stays', project: 'q' },
    { id: 'c', text: 'older, too', project: 'q' },
  ]);
  await world.putReceipt('u1');
  await world.moveAllToCold();
  await world.ingest('u2', 2, [{ id: 'a', text: 'forgotten', project: 'p' }], 1);
  await world.ingest('u3', 3, [{ id: 'c', text: 'forgotten, too', project: 'p' }], 2);
  await world.ingest('u4', 4, [{ id: 'c', text: 'moved on', project: 'q' }], 3);
  for (const id of ['u2', 'u3', 'u4']) await world.putReceipt(id);
  const what = { scope: 'project', project: 'p', system_id: null };
  const tombstone = { format_version: 1, what, requested_at: new Date(NOW).toISOString() };
  const key = world.library.contract.tombstoneKey(scopeIdOf(PROJECT));
  await world.archive.put(key, JSON.stringify(tombstone));
  await world.lose();
  await world.rebuild();
}
