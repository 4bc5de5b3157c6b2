import assert from 'node:assert/strict';
import type { ForgetScope } from '../../../src/contract/index.js';
import { scopeIdOf } from '../../../src/memory/index.js';
import { FILES, type Guard } from './guard.js';
import { NOW, SYSTEM, type World } from './world.js';

const PROJECT: ForgetScope = { scope: 'project', systemId: null, project: 'p' };
const MEMORY: ForgetScope = { scope: 'memory', systemId: SYSTEM, kind: 'conversation', memoryId: 'a' };

const OLDER = [{ id: 'a', text: 'older', project: 'q' }];

/** Guards of a forget against uploads that come late, or seem to. */
export const LATE_UPLOAD_GUARDS: readonly Guard[] = [
  {
    name: 'a-late-upload-brings-back-nothing-of-a-project',
    prevents:
      'an upload from before reads an older version of another project after the receipt: it is found',
    without: [{ file: FILES.classify, from: ' OR ${WENT_WITH_PROJECT}', to: '' }],
    scenario: async (world, broken) => {
      await world.register('u0', 1);
      await forgottenBeforeLate(world);
      await world.forgetAll(PROJECT);
      const counts = await world.commit('u1', OLDER);
      assert.equal(await world.find('a'), undefined, broken);
      assert.equal(counts.refused, 1);
      assert.equal((await world.store.getUpload({ systemId: SYSTEM, uploadId: 'u1' }))?.forgottenRows, 1);
      await world.finish('u1');
      await world.library.maintenance.liftForget(world.forgetting(), PROJECT);
      await world.commit('u0', OLDER);
      assert.equal((await world.find('a'))?.content, 'older');
    },
  },
  {
    name: 'what-is-newer-than-what-went-comes-in',
    prevents: 'a memory that is of another project since is refused for ever',
    without: [
      {
        file: 'store/embedded/catalog/tombstones.js',
        from: ' AND ($order, $upload) <= (k.ord, k.upload_id)',
        to: '',
      },
    ],
    scenario: async (world, broken) => {
      await forgottenBeforeLate(world);
      await world.forgetAll(PROJECT);
      await world.ingest('u3', 4, [{ id: 'a', text: 'moved on', project: 'q' }], 3);
      assert.equal((await world.find('a'))?.content, 'moved on', broken);
    },
  },
  {
    name: 'rebuild-hands-on-up-to-where-a-project-took-them',
    prevents:
      'the store is lost during the forget, and a late upload brings an older version after the receipt',
    without: [
      {
        file: 'store/embedded/catalog/rebuild-forgotten.js',
        from: '$opId, g.ord, g.upload_id FROM',
        to: "$opId, -1, '' FROM",
      },
    ],
    scenario: async (world, broken) => {
      await forgottenBeforeLate(world);
      const what = { scope: 'project', project: 'p', system_id: null };
      const tombstone = { format_version: 1, what, requested_at: new Date(NOW).toISOString() };
      const key = world.library.contract.tombstoneKey(scopeIdOf(PROJECT));
      await world.archive.put(key, JSON.stringify(tombstone));
      await world.lose();
      await world.rebuild();
      await world.forgetAll(PROJECT);
      await world.commit('u1', OLDER);
      assert.equal(await world.find('a'), undefined, broken);
    },
  },
  {
    name: 'a-backup-knows-what-went-with-a-project',
    prevents: 'the store is lost after the receipt, and a late upload brings an older version',
    without: [{ file: 'store/embedded/catalog/backup.js', from: "forgotten_keys: '1',", to: '' }],
    scenario: async (world, broken) => {
      await forgottenBeforeLate(world);
      await world.forgetAll(PROJECT);
      await world.backup();
      await world.lose();
      await world.rebuild();
      await world.commit('u1', OLDER);
      assert.equal(await world.find('a'), undefined, broken);
    },
  },
  {
    name: 'a-clock-that-was-set-back-leaves-no-raw-file',
    prevents: 'an upload seems to have come after the tombstone, and its raw file stands after the receipt',
    without: [
      {
        file: 'store/embedded/catalog/forget.js',
        from: 'Math.max(now, latestUpload(db, row.system))',
        to: 'now',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'forgotten' }]);
      world.now -= 1_000;
      const deleted: string[] = [];
      const context = world.forgetting({
        deleteRaw: async (ref) => {
          deleted.push(ref.uploadId);
          await world.store.markForgotten(ref);
        },
      });
      await world.library.maintenance.requestForget(context, MEMORY);
      await world.library.maintenance.erasePass(context, MEMORY);
      assert.deepEqual(deleted, ['u1'], broken);
    },
  },
];

/** Of `a` an upload that waits has an older version of another project than the one that is to be forgotten. */
async function forgottenBeforeLate(world: World): Promise<void> {
  await world.register('u1', 2);
  await world.putManifest('u1');
  await world.ingest('u2', 3, [{ id: 'a', text: 'forgotten', project: 'p' }], 2);
  await world.putReceipt('u2');
}
