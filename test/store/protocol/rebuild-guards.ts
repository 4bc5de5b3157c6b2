import assert from 'node:assert/strict';
import { expectText, FILES, type Guard } from './guard.js';
import type { World } from './world.js';

/** Guards of the rebuild from object storage. */
export const REBUILD_GUARDS: readonly Guard[] = [
  {
    name: 'rebuild-waits-longest',
    prevents: 'a delete of the dead server lands after the rebuild has placed that journal',
    without: [{ file: FILES.rebuildStore, from: 'while (now() < until)', to: 'while (until < 0)' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.putReceipt('u1');
      const garbage = await journalOfDeadAttempt(world);
      await world.lose();
      // In flight when the old server died: it takes effect within the longest request, whatever goes on here.
      let landed: Promise<void> | undefined;
      let now = 0;
      await world.rebuild({
        longestMs: 50,
        now: () => now,
        oldServerDeadSince: 0,
        onProgress: ({ step }) => {
          if (step === 'waiting') now += 50;
          if (step === 'waiting' || step === 'finishing') landed ??= world.archive.delete([garbage]);
        },
      });
      await landed;
      const keepers = world.read<{ name: string }>(
        'SELECT name FROM objects WHERE object_id IN (SELECT keeper_id FROM placements)',
      );
      for (const { name } of keepers) assert.notEqual(await world.archive.head(name), undefined, broken);
    },
  },
  {
    name: 'rebuild-ignores-journals-without-a-receipt',
    prevents: 'rows of an upload stand before its ingest counts them',
    without: [{ file: FILES.rebuildObjects, from: 'u.committed_at IS NULL)', to: '0)' }],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      await world.commit('u1', [{ id: 'a', text: 'one' }]);
      await world.putManifest('u1');
      await world.lose();
      assert.equal((await world.rebuild()).pending, 1);
      const counts = await world.commit('u1', [{ id: 'a', text: 'one' }]);
      assert.equal(counts.new, 1, broken);
      await expectText(world, 'a', 'one');
    },
  },
  {
    name: 'rebuild-obeys-tombstones',
    prevents: 'what is forgotten is found again after a rebuild',
    without: [
      {
        file: FILES.rebuildObjects,
        from: "OR ${hasTombstone('f', 'f.system_id')}",
        to: '',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.putReceipt('u1');
      await world.putTombstone('a');
      await world.lose();
      await world.rebuild();
      assert.equal(await world.find('a'), undefined, broken);
    },
  },
  {
    name: 'tombstones-have-one-authority',
    prevents: 'what was forgotten, and lifted since the backup, is not found after a rebuild',
    without: [
      {
        file: 'store/embedded/catalog/backup.js',
        from: "systems: '1',",
        to: "systems: '1', tombstones: '1',",
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.putReceipt('u1');
      world.forget('a');
      await world.backup();
      await world.lose();
      await world.rebuild();
      await expectText(world, 'a', 'one', broken);
    },
  },
  {
    name: 'rebuild-places-the-greatest-order',
    prevents: 'an older version, read later, replaces a newer one',
    // Of objects that are read together, the same is decided before.
    conditions: [{ file: 'maintenance/rebuild/objects.js', from: 'objects: 256', to: 'objects: 1' }],
    without: [
      {
        file: FILES.rebuildObjects,
        from: '(p.ord, p.upload_id, 1 - p.deleted, p.row_id) >=',
        to: '(0, 0, 0, 0) >=',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.ingest('u2', 2, [{ id: 'a', text: 'two', age: 200 }], 1);
      for (const id of ['u1', 'u2']) await world.putReceipt(id);
      // Cold objects are read first, so that the journal of the older version comes after.
      await world.moveAllToCold();
      await world.lose();
      await world.rebuild();
      await expectText(world, 'a', 'two', broken);
    },
  },
];

/** A second attempt at u1 that wrote its journal and lost against the first: of two journals that say the same, the later operation's. */
async function journalOfDeadAttempt(world: World): Promise<string> {
  const [journal = ''] = await world.objectNames('journal/');
  const opId = world.library.contract.operationOfObject(journal) ?? 0;
  const garbage = journal.replace(`-${opId}-`, `-${opId + 1000}-`);
  await world.archive.put(garbage, await world.archive.get(journal));
  return garbage;
}
