import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Patch } from './library.js';
import { NOW, SYSTEM, type World } from './world.js';

export interface Guard {
  name: string;
  /** What goes wrong without it. */
  prevents: string;
  /** Slows a step down so that two meet, with the guard in place as without. */
  slow?: Patch[];
  /** Takes the guard out. */
  without: Patch[];
  scenario: (world: World) => Promise<void>;
}

const INGEST = 'store/embedded/catalog/ingest.js';
const MOVES = 'store/embedded/catalog/moves.js';
const SWEEP = 'store/embedded/catalog/sweep.js';
const UPLOADS = 'store/embedded/catalog/uploads.js';

async function expectText(world: World, id: string, text: string): Promise<void> {
  assert.equal((await world.find(id))?.content, text);
}

/** The guards of the protocol's table that concern ingest, moves and the sweep. */
export const GUARDS: readonly Guard[] = [
  {
    name: 'reclassify-at-commit',
    prevents:
      'an upload that saw no placement leaves its newer row out, because another upload committed meanwhile',
    without: [
      {
        file: INGEST,
        from: 'const order = requireTurn(db, input.upload);\n        classify(db, input.stage, input.upload, order);\n        requireWritten',
        to: 'const order = requireTurn(db, input.upload);\n        requireWritten',
      },
    ],
    scenario: async (world) => {
      await world.register('u1', 1);
      await world.register('u2', 2, 1);
      const second = await world.openIngest('u2', [{ id: 'a', text: 'newer' }]);
      await second.insertRows();
      const journal = await world.putJournal(second, 'u2');
      await world.commit('u1', [{ id: 'a', text: 'older' }]);
      await world.finish('u1');
      const counts = await second.commit(journal);
      await second.close();
      assert.equal(counts.changed, 1);
      await expectText(world, 'a', 'newer');
    },
  },
  {
    name: 'write-set-stale',
    prevents: 'a row that became needed after the write set was made is placed without having been written',
    without: [{ file: INGEST, from: 'requireWritten(db, input);\n', to: '' }],
    scenario: async (world) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.register('u2', 2, 1);
      const late = await world.openIngest('u2', [
        { id: 'a', text: 'one' },
        { id: 'b', text: 'other' },
      ]);
      await late.insertRows();
      const journal = await world.putJournal(late, 'u2');
      world.sql(`DELETE FROM placements WHERE memory_id = 'a'`);
      world.sql(`INSERT INTO placements (system_id, kind, memory_id, row_id, hash, ord, upload_id, tier, keeper_id, own_time)
        SELECT 'host-1', 'conversation', 'a', 7, 'h', 1, 'u1', 'hot', object_id, 0 FROM objects LIMIT 1`);
      await assert.rejects(late.commit(journal), { type: 'WriteSetStale' });
      await late.close();
    },
  },
  {
    name: 'older-never-replaces-newer',
    prevents: 'an older upload that arrives late replaces a newer version',
    without: [{ file: INGEST, from: "WHEN p.ord < $order THEN 'changed'", to: "WHEN 1 THEN 'changed'" }],
    scenario: async (world) => {
      await world.ingest('u2', 2, [{ id: 'a', text: 'newer' }]);
      const counts = await world.ingest('u1', 1, [{ id: 'a', text: 'older' }]);
      assert.equal(counts['superseded'], 1);
      await expectText(world, 'a', 'newer');
    },
  },
  {
    name: 'unchanged-rows-above-a-gap',
    prevents: 'A at order 1, A again at 3 (unchanged), and a late B at 2 replaces it',
    without: [
      {
        file: INGEST,
        from: 'p.hash = incoming.hash AND p.ord < $gap',
        to: 'p.hash = incoming.hash AND $gap < -1',
      },
    ],
    scenario: async (world) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'A' }]);
      const counts = await world.ingest('u3', 3, [{ id: 'a', text: 'A' }], 2);
      assert.equal(counts['unchanged'], 1);
      await world.ingest('u2', 2, [{ id: 'a', text: 'B' }], 1);
      await expectText(world, 'a', 'A');
    },
  },
  {
    name: 'operation-id-in-names',
    prevents: 'the sweep of a dead attempt deletes the object that its retry placed',
    without: [
      {
        file: 'contract/object-keys.js',
        from: '${ref.uploadId}-${opId}-${sha256',
        to: '${ref.uploadId}-${parseInt(sha256.slice(0, 12), 16)}-${sha256',
      },
    ],
    scenario: async (world) => {
      await world.register('u1', 1);
      const rows = [{ id: 'a', text: 'one' }];
      const dead = await world.openIngest('u1', rows);
      await dead.insertRows();
      await world.putJournal(dead, 'u1');
      const retry = await world.openIngest('u1', rows);
      await retry.insertRows();
      const journal = await world.putJournal(retry, 'u1');
      await world.store.chooseObjects(await world.objectNames('journal/'), { unnamedBefore: world.now });
      world.now += 1000;
      const chosen = await world.store.chooseObjects(await world.objectNames('journal/'), {
        unnamedBefore: world.now,
      });
      await retry.commit(journal);
      await world.archive.delete(chosen);
      assert.deepEqual(await world.objectNames('journal/'), [journal.name]);
      await dead.close();
      await retry.close();
    },
  },
  {
    name: 'commit-needs-open-operation',
    prevents: 'an attempt taken for dead commits rows that a sweep may already have taken',
    without: [
      {
        file: 'store/embedded/catalog/operations.js',
        from: "if (row?.state !== 'open')\n",
        to: 'if (false)\n',
      },
    ],
    scenario: async (world) => {
      await world.register('u1', 1);
      const zombie = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      await zombie.insertRows();
      const journal = await world.putJournal(zombie, 'u1');
      world.now += 1_000_000;
      assert.equal(await world.store.closeExpiredOperations(), 1);
      await assert.rejects(zombie.commit(journal), { type: 'OperationClosed' });
      await zombie.close();
    },
  },
  {
    name: 'commit-needs-pending-upload',
    prevents: 'a second commit of one upload changes its receipt',
    without: [{ file: INGEST, from: "if (row?.state !== 'pending')", to: 'if (row === undefined)' }],
    scenario: async (world) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await assert.rejects(world.commit('u1', [{ id: 'a', text: 'one' }]), { type: 'OperationClosed' });
      assert.equal((await world.store.getUpload({ systemId: SYSTEM, uploadId: 'u1' }))?.rows.new, 1);
    },
  },
  {
    name: 'receipt-due-is-a-state',
    prevents: 'a crash between commit and receipt, and nobody writes the receipt',
    without: [
      {
        file: UPLOADS,
        from: "WHERE system_id = $system AND state IN ('pending', 'committed', 'receipted')",
        to: "WHERE system_id = $system AND state IN ('pending')",
      },
    ],
    scenario: async (world) => {
      await world.register('u1', 1);
      await world.commit('u1', [{ id: 'a', text: 'one' }]);
      await world.store.close();
      await world.open();
      assert.equal((await world.store.nextUpload(SYSTEM))?.state, 'committed');
    },
  },
  {
    name: 'no-commit-while-a-receipt-is-due',
    prevents: 'counts of a rebuild go wrong: the later upload stands in the ledger, the earlier does not',
    without: [{ file: INGEST, from: 'if (due > 0)', to: 'if (false)' }],
    scenario: async (world) => {
      await world.register('u1', 1);
      await world.register('u2', 2, 1);
      await world.commit('u1', [{ id: 'a', text: 'one' }]);
      await assert.rejects(world.commit('u2', [{ id: 'a', text: 'two' }]), { type: 'OperationClosed' });
      await world.finish('u1');
      assert.equal((await world.commit('u2', [{ id: 'a', text: 'two' }]))['changed'], 1);
    },
  },
  {
    name: 'tombstone-at-commit',
    prevents: 'a memory that was forgotten while its upload was being ingested comes back',
    without: [{ file: INGEST, from: "THEN 'refused'", to: "THEN 'new'" }],
    scenario: async (world) => {
      await world.register('u1', 1);
      const operation = await world.openIngest('u1', [
        { id: 'a', text: 'one' },
        { id: 'b', text: 'two' },
      ]);
      await operation.insertRows();
      const journal = await world.putJournal(operation, 'u1');
      world.sql(
        `INSERT INTO tombstones (scope, system_id, kind, memory_id, state) VALUES ('memory', 'host-1', 'conversation', 'a', 'standing')`,
      );
      const counts = await operation.commit(journal);
      await operation.close();
      assert.deepEqual([counts.new, counts.refused], [1, 1]);
      assert.equal(await world.find('a'), undefined);
      await expectText(world, 'b', 'two');
    },
  },
  {
    name: 'cold-takes-receipted-rows-only',
    prevents: 'a rebuild counts rows of an upload without a receipt against the cold object that holds them',
    without: [{ file: MOVES, from: 'const RECEIPTED = `EXISTS', to: 'const RECEIPTED = `1 OR EXISTS' }],
    scenario: async (world) => {
      await world.register('u1', 1);
      await world.commit('u1', [{ id: 'a', text: 'old', age: 200 }]);
      assert.deepEqual(await world.store.coldPartitionsDue(NOW, true), []);
      await world.finish('u1');
      assert.equal((await world.store.coldPartitionsDue(NOW, true)).length, 1);
    },
  },
  {
    name: 'superseded-objects-stand-until-the-receipt',
    prevents: 'the journal that a rebuild needs for an upload without a receipt is gone',
    without: [{ file: SWEEP, from: "u.state = 'committed'", to: '0' }],
    scenario: async (world) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.register('u2', 2, 1);
      await world.commit('u2', [{ id: 'a', text: 'two' }]);
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.equal((await world.objectNames('journal/')).length, 2);
      await world.finish('u2');
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.equal((await world.objectNames('journal/')).length, 1);
    },
  },
  {
    name: 'move-leaves-changed-rows-out',
    prevents: 'a row that changed between copy and commit is replaced by its older copy',
    without: [{ file: MOVES, from: 'ON p.pid = b.pid AND p.row_id = b.row_id', to: 'ON p.pid = b.pid' }].map(
      (patch) => ({ ...patch, from: `JOIN placements p ${patch.from}`, to: `JOIN placements p ${patch.to}` }),
    ),
    scenario: async (world) => {
      await world.ingest('u1', 1, [
        { id: 'a', text: 'old' },
        { id: 'b', text: 'stays' },
      ]);
      const later = NOW + 30 * 86_400_000;
      const move = await world.store.openMove(later, 10);
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
      assert.equal(await move.commit(), 1);
      await move.close();
      await expectText(world, 'a', 'new');
      assert.equal((await world.find('b'))?.tier, 'warm');
    },
  },
  {
    name: 'row-in-one-batch-only',
    prevents: 'two transitions at once move one row twice',
    without: [{ file: MOVES, from: 'const NOT_MOVING = `NOT EXISTS', to: 'const NOT_MOVING = `1 OR EXISTS' }],
    scenario: async (world) => {
      await world.ingest('u1', 1, [
        { id: 'a', text: 'one', age: 5 },
        { id: 'b', text: 'two', age: 4 },
      ]);
      const later = NOW + 30 * 86_400_000;
      const first = await world.store.openMove(later, 1);
      const second = await world.store.openMove(later, 1);
      assert.equal(await world.store.openMove(later, 1), undefined);
      for (const move of [first, second]) {
        assert.ok(move);
        await move.copyRows();
        await move.verifyCopies();
        assert.equal(await move.commit(), 1);
        await move.close();
      }
      assert.equal((await world.store.countTiers()).warm.rows, 2);
    },
  },
  {
    name: 'sweep-spares-open-operations',
    prevents: 'rows of an ingest in progress are swept before its commit places them',
    without: [{ file: SWEEP, from: "o.op_id = r.value ->> 'opId' AND o.state = 'open'", to: '0' }],
    scenario: async (world) => {
      await world.register('u1', 1);
      const operation = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      await operation.insertRows();
      const journal = await world.putJournal(operation, 'u1');
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      await operation.commit(journal);
      await operation.close();
      await expectText(world, 'a', 'one');
    },
  },
  {
    name: 'sweep-waits-for-readers',
    prevents: 'a search that has read the placement finds its row gone',
    without: [{ file: SWEEP, from: 'WHERE u.since < $before', to: 'WHERE $before > 0' }],
    scenario: async (world) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.ingest('u2', 2, [{ id: 'a', text: 'two' }], 1);
      assert.equal((await world.sweepAfter(1000, 5000)).rows, 0);
      assert.equal((await world.sweepAfter(4000, 5000)).rows, 0);
      assert.equal((await world.sweepAfter(4000, 5000)).rows, 1);
      await expectText(world, 'a', 'two');
    },
  },
  {
    name: 'drop-in-one-transaction-with-its-check',
    prevents: 'a table found empty gets a row and is dropped with it',
    slow: [
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
    scenario: async (world) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.ingest('u2', 2, [{ id: 'a', text: 'moved away', age: 2 }], 1);
      await world.sweepAfter(1000);
      const sweep = world.sweepAfter(1000);
      await sleep(400);
      await world.ingest('u3', 3, [{ id: 'b', text: 'arrives' }], 2);
      await sweep;
      await expectText(world, 'b', 'arrives');
    },
  },
  {
    name: 'dead-attempts-are-closed-at-start',
    prevents: 'rows of a batch that died with its process stay in it for ever',
    without: [
      {
        file: 'store/embedded/embedded-store.js',
        from: 'await catalog.write.abortAllOperations(options.now());',
        to: '',
      },
    ],
    scenario: async (world) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      const later = NOW + 30 * 86_400_000;
      assert.ok(await world.store.openMove(later, 10));
      await world.store.close();
      await world.open();
      const again = await world.store.openMove(later, 10);
      assert.ok(again);
      assert.equal(again.rows, 1);
      await again.close();
    },
  },
  {
    name: 'closing-waits-for-writes',
    prevents: 'a write of a closed operation lands after everything that closing was for',
    without: [
      { file: 'store/embedded/latch.js', from: 'await Promise.allSettled([...entry.writes]);', to: '' },
    ],
    scenario: async (world) => {
      await world.register('u1', 1);
      const first = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      let landed = false;
      const write = first.write(async () => {
        await sleep(200);
        landed = true;
      });
      write.catch(() => undefined);
      const second = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      assert.equal(landed, true);
      await assert.rejects(write, { type: 'OperationClosed' });
      await first.close();
      await second.close();
    },
  },
  {
    name: 'put-is-read-back',
    prevents: 'an object that object storage damaged becomes the only copy',
    without: [
      { file: 'store/embedded/open-operation.js', from: 'if (found.sha256 !== sha256)', to: 'if (false)' },
    ],
    scenario: async (world) => {
      await world.register('u1', 1);
      const operation = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      await operation.insertRows();
      // A double, to inject the fault: what comes back is not what went out.
      const getFile = world.archive.getFile.bind(world.archive);
      world.archive.getFile = async (key, file) => {
        const bytes = await getFile(key, file);
        const { appendFile } = await import('node:fs/promises');
        await appendFile(file, 'x');
        return bytes;
      };
      await assert.rejects(world.putJournal(operation, 'u1'), { type: 'ObjectCorrupt' });
      await operation.close();
    },
  },
  {
    name: 'search-looks-twice',
    prevents: 'a search misses a memory that a move took from under it',
    slow: [
      {
        file: 'store/embedded/search.js',
        from: 'const rows = await fetchPlaced(context, placed);',
        to: 'await new Promise((resolve) => setTimeout(resolve, 2000));\n        const rows = await fetchPlaced(context, placed);',
      },
    ],
    without: [
      { file: 'store/embedded/search.js', from: 'const FETCH_ROUNDS = 3;', to: 'const FETCH_ROUNDS = 1;' },
    ],
    scenario: async (world) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      const found = world.find('a');
      await sleep(50);
      const later = NOW + 30 * 86_400_000;
      await world.library.maintenance.moveToWarm(world.maintenance(), later);
      await world.sweepAfter(1000);
      await world.sweepAfter(1000);
      assert.equal((await found)?.content, 'one');
    },
  },
];
