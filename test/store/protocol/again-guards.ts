import assert from 'node:assert/strict';
import { expectText, FILES, type Guard } from './guard.js';
import { SYSTEM, type Row, type World } from './world.js';

/** Guards of an upload that is ingested again. */
export const AGAIN_GUARDS: readonly Guard[] = [
  {
    name: 'again-stays-in-the-ledger',
    prevents:
      'a late mirror upload takes itself for the newest, and deletes what the one to be ingested again brought',
    without: [
      {
        file: FILES.again,
        from: 'SET again_requested_at = $now,',
        to: "SET again_requested_at = $now, state = 'pending',",
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u0', 1, [{ id: 'a', text: 'one' }]);
      await world.ingest('u2', 3, [{ id: 'a', text: 'one' }], 1);
      await request(world, 'u2');
      world.mirrors = world.covers;
      await world.ingest('u1', 2, [{ id: 'b', text: 'two' }]);
      await expectText(world, 'a', 'one', broken);
    },
  },
  {
    name: 'again-replaces-nothing-that-was-followed',
    prevents:
      'a newer upload had the row unchanged, so its placement keeps the old order, and the older upload replaces it',
    without: [{ file: FILES.classify, from: "WHEN p.deleted = 0 AND $followed THEN 'superseded'", to: '' }],
    scenario: async (world, broken) => {
      await world.ingest('u0', 1, [{ id: 'a', text: 'A' }]);
      await world.ingest('u1', 2, [{ id: 'b', text: 'B' }], 1);
      await world.ingest('u2', 3, ROWS, 2);
      for (const upload of ['u0', 'u1']) {
        const counts = await again(world, upload, [
          { id: 'a', text: 'another' },
          { id: 'b', text: 'another' },
        ]);
        await expectText(world, 'a', 'A', broken);
        await expectText(world, 'b', 'B', broken);
        assert.deepEqual([counts.superseded, counts.changed], [2, 0]);
      }
    },
  },
  {
    name: 'again-is-a-gap-for-its-own-rows',
    prevents:
      'a rebuild takes a row from the journal of a dead attempt at an upload that was being ingested again, over a newer one',
    without: [
      {
        file: FILES.uploadOrder,
        from: 'UNION ALL SELECT u.ord, u.upload_id',
        to: 'UNION ALL SELECT -1, u.upload_id',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'A' }]);
      await request(world, 'u1');
      const dead = await world.openIngest('u1', [{ id: 'a', text: 'another' }]);
      await dead.insertRows();
      await world.putJournal(dead, 'u1');
      await dead.close();
      const counts = await world.ingest('u2', 2, [{ id: 'a', text: 'A' }], 1);
      assert.equal(counts.unchanged, 1);
      const [placement] = world.read<{ ord: number }>('SELECT ord FROM placements');
      assert.equal(placement?.ord, 2, broken);
      assert.equal(await world.rebuilt('a'), 'A', broken);
    },
  },
  {
    name: 'again-commits-once',
    prevents: 'two attempts ingest an upload again that was asked for once',
    without: [
      {
        file: FILES.again,
        from: 'IS NOT NULL), again_requested_at = NULL,',
        to: 'IS NOT NULL),',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, ROWS);
      await again(world, 'u1', ROWS);
      await assert.rejects(world.commit('u1', ROWS), { type: 'OperationClosed' }, broken);
    },
  },
];

const ROWS: readonly Row[] = [
  { id: 'a', text: 'A' },
  { id: 'b', text: 'B' },
];

const request = (world: World, uploadId: string) => world.store.requestAgain({ systemId: SYSTEM, uploadId });

async function again(world: World, uploadId: string, rows: readonly Row[]) {
  await request(world, uploadId);
  const counts = await world.commit(uploadId, rows);
  await world.finish(uploadId);
  return counts;
}
