import assert from 'node:assert/strict';
import type { Guard } from './guards.js';
import { NOW, SYSTEM } from './world.js';

const SWEEP = 'store/embedded/catalog/sweep.js';

/** More guards of moves and the sweep. */
export const SWEEP_GUARDS: readonly Guard[] = [
  {
    name: 'keeper',
    prevents: 'the object that alone keeps a placed row is named by no other column, and swept',
    without: [
      { file: SWEEP, from: 'p.keeper_id = b.object_id)\n       OR EXISTS', to: '0)\n       OR EXISTS' },
    ],
    scenario: async (world) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      const [journal] = await world.objectNames('journal/');
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.deepEqual(await world.objectNames('journal/'), [journal]);
    },
  },
  {
    name: 'sweep-scans-again',
    prevents: 'a put in flight that lands after the scan stays for ever',
    without: [
      {
        file: 'maintenance/sweep.js',
        from: 'await context.store.closeExpiredOperations();',
        to: 'if (context.store.scans > 1) return { rows: 0, tables: 0, objects: 0 };\n    context.store.scans = (context.store.scans ?? 0) + 1;\n    await context.store.closeExpiredOperations();',
      },
    ],
    scenario: async (world) => {
      await world.register('u1', 1);
      const dead = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      await dead.insertRows();
      await dead.close();
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      const late = world.library.contract.journalKey(
        { systemId: SYSTEM, uploadId: 'u1' },
        dead.opId,
        '0'.repeat(64),
      );
      await world.archive.put(late, 'lands after its process died');
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.deepEqual(await world.objectNames('journal/'), []);
    },
  },
  {
    name: 'sweep-spares-other-epochs',
    prevents: 'a store that was made anew takes the journals of the one before it for its own garbage',
    without: [{ file: SWEEP, from: 'opId >= firstId && ', to: '' }],
    scenario: async (world) => {
      const earlier = world.library.contract.journalKey(
        { systemId: SYSTEM, uploadId: 'u0' },
        7,
        '0'.repeat(64),
      );
      await world.archive.put(earlier, 'all that is left of a memory');
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.deepEqual(await world.objectNames('journal/'), [earlier]);
    },
  },
  {
    name: 'tombstone-at-move',
    prevents: 'a move places a row again that was forgotten while it was copied',
    without: [
      {
        file: 'store/embedded/catalog/moves.js',
        from: "SELECT 1 FROM tombstones t WHERE t.system_id = p.system_id AND t.state <> 'lifted'",
        to: 'SELECT 1 FROM tombstones t WHERE 0',
      },
    ],
    scenario: async (world) => {
      await world.ingest('u1', 1, [
        { id: 'a', text: 'forgotten' },
        { id: 'b', text: 'stays' },
      ]);
      const move = await world.store.openMove(NOW + 30 * 86_400_000, 10);
      assert.ok(move);
      await move.copyRows();
      await move.verifyCopies();
      world.sql(
        `INSERT INTO tombstones (scope, system_id, kind, memory_id, state) VALUES ('memory', 'host-1', 'conversation', 'a', 'standing')`,
      );
      assert.equal(await move.commit(), 1);
      await move.close();
      assert.equal((await world.find('b'))?.tier, 'warm');
      assert.equal((await world.find('a'))?.tier, 'hot');
    },
  },
];
