import assert from 'node:assert/strict';
import type { Guard } from './guard.js';
import { DAY, NOW, SYSTEM, type World } from './world.js';

const CATALOG = 'store/embedded/catalog/expiry.js';
const MAINTENANCE = 'maintenance/expire.js';

const OLD = { id: 'old', text: 'from long ago', age: 2_600 };
const YOUNG = { id: 'young', text: 'of yesterday', age: 1 };

/** Guards of memories that are older than they are kept. */
export const EXPIRY_GUARDS: readonly Guard[] = [
  {
    name: 'what-expired-is-not-taken-in-again',
    prevents: 'a host uploads its whole database once more, and what has expired is back',
    without: [
      {
        file: 'store/embedded/catalog/classify.js',
        from: 'AND own_time <= $expired AND',
        to: 'AND own_time <= $expired AND 0 AND',
      },
    ],
    scenario: async (world, broken) => {
      await ingestOld(world);
      await world.expire();
      assert.equal(await world.find('old'), undefined);
      const counts = await world.ingest('u2', 2, [OLD, YOUNG], 1);
      assert.equal(await world.find('old'), undefined, broken);
      assert.deepEqual([counts.expired, counts.unchanged, counts.new], [1, 1, 0]);
    },
  },
  {
    name: 'a-rebuild-knows-what-expired',
    prevents: 'the objects in which it stood are not swept yet, and a rebuild finds it in them',
    without: [{ file: 'store/embedded/catalog/rebuild.js', from: 'expireRebuilt(db, now);', to: '' }],
    scenario: async (world, broken) => {
      await ingestOld(world);
      await world.expire();
      await rebuilt(world);
      assert.equal(await world.find('old'), undefined, broken);
      assert.notEqual(await world.find('young'), undefined);
    },
  },
  {
    name: 'what-expires-stands-in-object-storage-first',
    prevents: 'the store is lost while memories expire: those that were gone are back',
    without: [
      {
        file: MAINTENANCE,
        from: 'await putReceipt(archive, receipt);',
        to: '',
      },
    ],
    scenario: async (world, broken) => {
      await ingestOld(world);
      const failing = { expiredMemories: () => Promise.reject(new Error('the disk is gone')) };
      await assert.rejects(world.expire(NOW, failing), /the disk is gone/);
      assert.equal(await world.find('old'), undefined);
      await rebuilt(world);
      assert.equal(await world.find('old'), undefined, broken);
    },
  },
  {
    name: 'what-is-pinned-does-not-expire',
    prevents: 'a person keeps a memory, and it is deleted by its age',
    without: [{ file: CATALOG, from: ' AND ${NOT_KEPT}', to: '' }],
    scenario: async (world, broken) => {
      await ingestOld(world);
      await pinOld(world);
      await world.backup();
      await world.expire();
      assert.notEqual(await world.find('old'), undefined, broken);
      assert.equal((await world.expiries()).length, 0, broken);
    },
  },
  {
    name: 'nothing-expires-while-a-pin-is-in-no-backup',
    prevents: 'a rebuild knows what expired and not what was pinned, and lets that go too',
    without: [{ file: MAINTENANCE, from: 'if (!(await store.arePinsSaved()))', to: 'if (false)' }],
    scenario: async (world, broken) => {
      await ingestOld(world, [{ ...OLD, id: 'other' }]);
      await pinOld(world);
      await world.expire();
      await rebuilt(world);
      assert.notEqual(await world.find('old'), undefined, broken);
    },
  },
  {
    name: 'a-clock-alone-lets-nothing-expire',
    prevents: 'the machine’s clock is years ahead for a minute, and all there is has expired',
    without: [{ file: MAINTENANCE, from: 'Math.min(steady, witness)', to: 'steady' }],
    scenario: async (world, broken) => {
      await ingestOld(world);
      world.now = NOW + 3_000 * DAY;
      await world.expire(world.now);
      assert.notEqual(await world.find('young'), undefined, broken);
      assert.equal(await world.find('old'), undefined);
    },
  },
  {
    name: 'an-expiry-is-of-rows-from-before-it',
    prevents: 'memories are kept for longer by now, one that had expired came back, and a rebuild drops it',
    without: [{ file: CATALOG, from: 'AND p.row_id < $beforeId', to: 'AND $beforeId > 0' }],
    scenario: async (world, broken) => {
      await ingestOld(world);
      await world.expire();
      world.retentionDays = 0;
      await world.store.close();
      await world.open();
      await world.ingest('u2', 2, [OLD], 1);
      await world.putReceipt('u2');
      assert.notEqual(await world.find('old'), undefined);
      await rebuilt(world);
      assert.notEqual(await world.find('old'), undefined, broken);
    },
  },
];

async function ingestOld(world: World, others: readonly (typeof OLD)[] = []): Promise<void> {
  world.now = NOW;
  await world.ingest('u1', 1, [OLD, YOUNG, ...others]);
  await world.putReceipt('u1');
}

async function pinOld(world: World): Promise<void> {
  const key = { systemId: SYSTEM, kind: 'conversation', memoryId: 'old' } as const;
  assert.equal(await world.store.pinMemories([key], { tier: null, reason: 'kept' }), 1);
}

async function rebuilt(world: World): Promise<void> {
  await world.lose();
  await world.rebuild();
}
