import assert from 'node:assert/strict';
import type { Guard } from './guard.js';
import { DAY, NOW, SYSTEM, type World } from './world.js';

const CATALOG = 'store/embedded/catalog/expiry.js';
const MAINTENANCE = 'maintenance/expire.js';

const OLD = { id: 'old', text: 'from long ago', age: 2_600 };
const ALMOST = { id: 'almost', text: 'kept for some days more', age: 2_540 };
const YOUNG = { id: 'young', text: 'of yesterday', age: 1 };
const KEY = { systemId: SYSTEM, kind: 'conversation', memoryId: 'old' } as const;

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
    without: [{ file: 'store/embedded/catalog/rebuild.js', from: 'expireRebuilt(db, time);', to: '' }],
    scenario: async (world, broken) => {
      await ingestOld(world);
      await world.expire();
      await world.backup();
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
      await world.backup();
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
      await world.backup();
      await pinOld(world);
      await world.expire();
      await rebuilt(world);
      assert.notEqual(await world.find('old'), undefined, broken);
    },
  },
  {
    name: 'a-clock-alone-lets-nothing-expire',
    prevents: 'the machine’s clock is years ahead for a minute, and all there is has expired',
    without: [{ file: MAINTENANCE, from: 'Math.min(clock, witness, ', to: 'Math.min(clock, ' }],
    scenario: async (world, broken) => {
      await ingestOld(world, [ALMOST]);
      world.now = NOW + 3_000 * DAY;
      await world.expire(world.now);
      assert.notEqual(await world.find('almost'), undefined, broken);
      assert.equal(await world.find('old'), undefined);
    },
  },
  {
    name: 'a-day-lets-a-month-expire-at-the-most',
    prevents: 'all clocks are years ahead, and all there is has expired before anybody looks',
    without: [{ file: MAINTENANCE, from: 'lastLook + LONGEST_STEP_MS', to: 'Infinity' }],
    scenario: async (world, broken) => {
      await ingestOld(world);
      world.now = NOW + 3_000 * DAY;
      const ahead = { systemId: SYSTEM, uploadId: 'ahead', manifestSha256: 'x', createdAt: world.now };
      await world.store.registerUploads([{ ...ahead, order: 2, previousOrder: null }]);
      for (const _time of ['first', 'second']) await world.expire(world.now);
      assert.notEqual(await world.find('young'), undefined, broken);
      assert.equal(await world.find('old'), undefined);
    },
  },
  {
    name: 'an-expiry-waits-for-a-pin-to-be-saved',
    prevents:
      'it goes on after a pin came, and its receipt says that all of it is gone: a rebuild takes what was pinned',
    without: [{ file: CATALOG, from: ' AND ${PINS_ARE_SAVED}', to: '' }],
    scenario: async (world, broken) => {
      await ingestOld(world, [{ ...OLD, id: 'other' }]);
      await leaveOpen(world);
      await pinOld(world);
      await world.expire();
      assert.notEqual(await world.find('other'), undefined, broken);
      await world.backup();
      await world.expire();
      assert.equal(await world.find('other'), undefined);
      assert.notEqual(await world.find('old'), undefined);
    },
  },
  {
    name: 'nothing-expires-once-moving-is-paused',
    prevents: 'a person pauses it because the wrong ones go, and the expiry that was begun goes on',
    without: [{ file: CATALOG, from: ' AND NOT EXISTS (SELECT 1 FROM tier_pause)', to: '' }],
    scenario: async (world, broken) => {
      await ingestOld(world);
      await leaveOpen(world);
      const [open] = await world.store.openExpiries();
      await world.store.pauseTiers('a look at it');
      assert.deepEqual(await world.store.expireBatch(open?.id ?? '', 10), { rows: 0, state: 'held' }, broken);
    },
  },
  {
    name: 'an-expiry-goes-by-what-is-kept-now',
    prevents:
      'a pin spared it, then the days were raised and the pin taken away: it stands, and a rebuild drops it',
    without: [{ file: CATALOG, from: 'Math.min(expiry.cutoff, keptSince)', to: 'expiry.cutoff' }],
    scenario: async (world, broken) => {
      await ingestOld(world, [{ ...OLD, id: 'other' }]);
      await pinOld(world);
      await world.backup();
      await world.expire();
      await world.keepFor(2_900);
      await world.store.unpinMemories([KEY]);
      await world.backup();
      await rebuilt(world);
      assert.notEqual(await world.find('old'), undefined, broken);
    },
  },
  {
    name: 'a-rebuild-without-its-pins-lets-nothing-expire',
    prevents:
      'no backup is left, nobody knows what was pinned, and the rebuild drops all of it with what expired',
    without: [{ file: CATALOG, from: 'if (backup !== undefined && ', to: 'if (backup === undefined || ' }],
    scenario: async (world, broken) => {
      await ingestOld(world, [{ ...OLD, id: 'other' }]);
      await pinOld(world);
      await world.backup();
      await world.expire();
      for (const key of await world.objectNames('backup/')) await world.archive.delete([key]);
      await rebuilt(world);
      assert.notEqual(await world.find('old'), undefined, broken);
      assert.notEqual(await world.store.tierPause(), undefined);
    },
  },
  {
    name: 'an-expiry-is-of-rows-from-before-it',
    prevents:
      'memories are kept for longer for a while, one that had expired came back, and a rebuild drops it',
    without: [{ file: CATALOG, from: 'AND p.row_id < $beforeId', to: 'AND $beforeId > 0' }],
    scenario: async (world, broken) => {
      await ingestOld(world);
      await world.expire();
      await world.keepFor(0);
      await world.ingest('u2', 2, [OLD], 1);
      await world.putReceipt('u2');
      assert.notEqual(await world.find('old'), undefined);
      await world.keepFor(2_557);
      await world.backup();
      await rebuilt(world);
      assert.notEqual(await world.find('old'), undefined, broken);
    },
  },
];

async function ingestOld(world: World, others: readonly (typeof OLD)[] = []): Promise<void> {
  world.madeAt(NOW);
  await world.ingest('u1', 1, [OLD, YOUNG, ...others]);
  await world.putReceipt('u1');
}

async function pinOld(world: World): Promise<void> {
  assert.equal(await world.store.pinMemories([KEY], { tier: null, reason: 'kept' }), 1);
}

/** Begun, and not carried out: its server died. */
async function leaveOpen(world: World): Promise<void> {
  const fault = { expireBatch: () => Promise.reject(new Error('the power is gone')) };
  await assert.rejects(world.expire(NOW, fault), /the power is gone/);
}

async function rebuilt(world: World): Promise<void> {
  await world.lose();
  await world.rebuild();
}
