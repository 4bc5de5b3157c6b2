import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectText, FILES, type Guard } from './guard.js';
import { NOW } from './world.js';

const LATER = NOW + 30 * 86_400_000;

/** Guards of moves, and of searches under way meanwhile. */
export const MOVE_GUARDS: readonly Guard[] = [
  {
    name: 'cold-takes-receipted-rows-only',
    prevents: 'a rebuild counts rows of an upload without a receipt against the cold object that holds them',
    without: [{ file: FILES.moves, from: 'const RECEIPTED = `EXISTS', to: 'const RECEIPTED = `1 OR EXISTS' }],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      await world.commit('u1', [{ id: 'a', text: 'old', age: 200 }]);
      assert.deepEqual(await world.store.coldPartitionsDue(NOW, true), [], broken);
      await world.finish('u1');
      assert.equal((await world.store.coldPartitionsDue(NOW, true)).length, 1);
    },
  },
  {
    name: 'move-leaves-changed-rows-out',
    prevents: 'a row that changed between copy and commit is replaced by its older copy',
    without: [
      {
        file: FILES.moves,
        from: 'JOIN placements p ON p.pid = b.pid AND p.row_id = b.row_id',
        to: 'JOIN placements p ON p.pid = b.pid',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [
        { id: 'a', text: 'old' },
        { id: 'b', text: 'stays' },
      ]);
      const move = await world.store.openMove(LATER, 10);
      assert.ok(move);
      await move.copyRows();
      await move.verifyCopies();
      await world.ingest(
        'u2',
        2,
        [
          { id: 'a', text: 'new' },
          { id: 'b', text: 'stays' },
        ],
        1,
      );
      await move.commit();
      await move.close();
      await expectText(world, 'a', 'new', broken);
      assert.deepEqual([(await world.find('a'))?.tier, (await world.find('b'))?.tier], ['hot', 'warm']);
    },
  },
  {
    name: 'row-in-one-batch-only',
    prevents:
      'of two transitions at once the second copies the rows of the first again, in vain, and none of its own',
    conditions: [
      // The key of the table would refuse the second batch whole.
      {
        file: FILES.schema,
        from: 'pid INTEGER PRIMARY KEY,\n  op_id INTEGER NOT NULL REFERENCES',
        to: 'pid INTEGER NOT NULL,\n  op_id INTEGER NOT NULL REFERENCES',
      },
    ],
    without: [
      { file: FILES.moves, from: 'const NOT_MOVING = `NOT EXISTS', to: 'const NOT_MOVING = `1 OR EXISTS' },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [
        { id: 'a', text: 'one', age: 5 },
        { id: 'b', text: 'two', age: 4 },
      ]);
      const first = await world.store.openMove(LATER, 1);
      const second = await world.store.openMove(LATER, 1);
      for (const move of [first, second]) {
        assert.ok(move);
        await move.copyRows();
        await move.verifyCopies();
      }
      const outcomes = [await first?.commit(), await second?.commit()];
      await first?.close();
      await second?.close();
      assert.deepEqual(
        outcomes.map((outcome) => outcome?.moved),
        [1, 1],
        broken,
      );
      assert.equal((await world.store.countTiers()).warm.rows, 2);
    },
  },
  {
    name: 'tombstone-at-move',
    prevents: 'a move places a row again that was forgotten while it was copied',
    without: [
      {
        file: FILES.moves,
        from: "SELECT 1 FROM tombstones t WHERE t.system_id IN (p.system_id, '')",
        to: 'SELECT 1 FROM tombstones t WHERE 0',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [
        { id: 'a', text: 'forgotten' },
        { id: 'b', text: 'stays' },
      ]);
      const move = await world.store.openMove(LATER, 10);
      assert.ok(move);
      await move.copyRows();
      await move.verifyCopies();
      world.forget('a');
      await move.commit();
      await move.close();
      assert.equal((await world.find('a'))?.tier, 'hot', broken);
      assert.equal((await world.find('b'))?.tier, 'warm');
    },
  },
  {
    name: 'search-looks-twice',
    prevents: 'a search misses a memory that a move took from under it',
    conditions: [
      {
        file: 'store/embedded/current-rows.js',
        from: 'const rows = await readPlaced(context, placed, reader, { signal, isLast });',
        to: 'await new Promise((resolve) => setTimeout(resolve, 2000));\n        const rows = await readPlaced(context, placed, reader, { signal, isLast });',
      },
    ],
    without: [
      {
        file: 'store/embedded/current-rows.js',
        from: 'const FETCH_ROUNDS = 3;',
        to: 'const FETCH_ROUNDS = 1;',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      const found = world.find('a');
      await sleep(50);
      await world.library.maintenance.moveToWarm(world.maintenance(), LATER);
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.equal((await found)?.content, 'one', broken);
    },
  },
];
