import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectText, FILES, type Guard } from './guard.js';
import { SYSTEM } from './world.js';

/** Guards of the sweep. */
export const SWEEP_GUARDS: readonly Guard[] = [
  {
    name: 'keeper',
    prevents: 'the object that alone keeps a placed row is named by no other column, and swept',
    // SQLite itself would refuse to lose the object's row, though too late: the object is gone by then.
    conditions: [{ file: FILES.database, from: 'PRAGMA foreign_keys = ON', to: 'PRAGMA foreign_keys = OFF' }],
    without: [
      { file: FILES.sweep, from: 'p.keeper_id = b.object_id)\n       OR EXISTS', to: '0)\n       OR EXISTS' },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      const journals = await world.objectNames('journal/');
      assert.equal(journals.length, 1);
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.deepEqual(await world.objectNames('journal/'), journals, broken);
    },
  },
  {
    name: 'superseded-objects-stand-until-the-receipt',
    prevents: 'the journal that a rebuild needs for an upload without a receipt is gone',
    without: [{ file: FILES.sweep, from: "u.state = 'committed'", to: '0' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.register('u2', 2, 1);
      await world.commit('u2', [{ id: 'a', text: 'two' }]);
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.equal((await world.objectNames('journal/')).length, 2, broken);
      await world.finish('u2');
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.equal((await world.objectNames('journal/')).length, 1);
    },
  },
  {
    name: 'sweep-spares-open-operations',
    prevents: 'rows of an ingest in progress are swept before its commit places them',
    without: [{ file: FILES.sweep, from: "o.op_id = r.value ->> 'opId' AND o.state = 'open'", to: '0' }],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      const operation = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      await operation.insertRows();
      const journal = await world.putJournal(operation, 'u1');
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      await operation.commit(journal);
      await operation.close();
      await expectText(world, 'a', 'one', broken);
    },
  },
  {
    name: 'sweep-waits-for-readers',
    prevents: 'a search that has read the placement finds its row gone',
    without: [{ file: FILES.sweep, from: 'AND since < $before', to: 'AND $before > 0' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.ingest('u2', 2, [{ id: 'a', text: 'two' }], 1);
      assert.equal((await world.sweepAfter(1000, 5000)).rows, 0, broken);
      assert.equal((await world.sweepAfter(4000, 5000)).rows, 0, broken);
      assert.equal((await world.sweepAfter(4000, 5000)).rows, 1);
      await expectText(world, 'a', 'two');
    },
  },
  {
    name: 'drop-in-one-transaction-with-its-check',
    prevents: 'a table found empty gets a row and is dropped with it',
    conditions: [
      {
        file: 'store/embedded/tiers/sweeping.js',
        from: 'if (rows > 0)',
        to: 'if (rows === 0) await new Promise((resolve) => setTimeout(resolve, 800));\n            if (rows > 0)',
      },
    ],
    without: [
      {
        file: 'store/embedded/tiers/sweeping.js',
        from: 'return await tiers.write(table.tier, connection, async () => {\n            const rows',
        to: 'return await (async (work) => work())(async () => {\n            const rows',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.ingest('u2', 2, [{ id: 'a', text: 'moved away', age: 2 }], 1);
      await world.sweepAfter(1000);
      const sweep = world.sweepAfter(1000);
      await sleep(400);
      await world.ingest('u3', 3, [{ id: 'b', text: 'arrives' }], 2);
      await sweep;
      await expectText(world, 'b', 'arrives', broken);
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
    scenario: async (world, broken) => {
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
      assert.deepEqual(await world.objectNames('journal/'), [], broken);
    },
  },
  {
    name: 'sweep-spares-other-epochs',
    prevents: 'a store that was made anew takes the journals of the one before it for its own garbage',
    without: [{ file: FILES.sweep, from: 'opId >= firstId && ', to: '' }],
    scenario: async (world, broken) => {
      const earlier = world.library.contract.journalKey(
        { systemId: SYSTEM, uploadId: 'u0' },
        7,
        '0'.repeat(64),
      );
      await world.archive.put(earlier, 'all that is left of a memory');
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.deepEqual(await world.objectNames('journal/'), [earlier], broken);
    },
  },
];
