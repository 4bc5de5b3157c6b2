import assert from 'node:assert/strict';
import { expectText, FILES, type Guard } from './guard.js';
import { SYSTEM } from './world.js';

/** Guards of the ingest's transactions. */
export const INGEST_GUARDS: readonly Guard[] = [
  {
    name: 'reclassify-at-commit',
    prevents: 'what was committed since the open is overlooked, and an older version replaces a newer one',
    without: [
      {
        file: FILES.ingest,
        from: 'classifyAll(db, input, turn);\n        requireWritten',
        to: 'requireWritten',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'first' }]);
      await world.register('u2', 2, 1);
      await world.register('u3', 3, 2);
      const second = await world.openIngest('u2', [{ id: 'a', text: 'older' }]);
      await second.insertRows();
      const journal = await world.putJournal(second, 'u2');
      await world.commit('u3', [{ id: 'a', text: 'newer' }]);
      await world.finish('u3');
      const counts = await second.commit(journal);
      await second.close();
      await expectText(world, 'a', 'newer', broken);
      assert.equal(counts.superseded, 1);
    },
  },
  {
    name: 'write-set-stale',
    prevents: 'a row that became needed after the write set was made is placed without having been written',
    conditions: [
      { file: FILES.schema, from: 'row_id INTEGER NOT NULL,\n  hash', to: 'row_id INTEGER,\n  hash' },
      { file: FILES.schema, from: 'tier TEXT NOT NULL CHECK', to: 'tier TEXT CHECK' },
    ],
    without: [{ file: FILES.ingest, from: 'requireWritten(db, input);\n', to: '' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await world.register('u2', 2, 1);
      const late = await world.openIngest('u2', [
        { id: 'a', text: 'one' },
        { id: 'b', text: 'other' },
      ]);
      await late.insertRows();
      const journal = await world.putJournal(late, 'u2');
      world.sql(`UPDATE placements SET hash = 'of another text' WHERE memory_id = 'a'`);
      await assert.rejects(late.commit(journal), { type: 'WriteSetStale' }, broken);
      await late.close();
    },
  },
  {
    name: 'older-never-replaces-newer',
    prevents: 'an older upload that arrives late replaces a newer version',
    without: [
      { file: FILES.classify, from: "WHEN ${PLACED_BEFORE} THEN 'changed'", to: "WHEN 1 THEN 'changed'" },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u2', 2, [{ id: 'a', text: 'newer' }]);
      const counts = await world.ingest('u1', 1, [{ id: 'a', text: 'older' }]);
      await expectText(world, 'a', 'newer', broken);
      assert.equal(counts.superseded, 1);
    },
  },
  {
    name: 'unchanged-rows-above-a-gap',
    prevents: 'A at order 1, A again at 3 (unchanged), and a late B at 2 replaces it',
    without: [
      {
        file: FILES.classify,
        from: 'p.hash = incoming.hash AND (p.ord, p.upload_id) <= ($gapOrder, $gapUpload)',
        to: 'p.hash = incoming.hash AND ($gapOrder, $gapUpload) < (-1, 0)',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'A' }]);
      const counts = await world.ingest('u3', 3, [{ id: 'a', text: 'A' }], 2);
      assert.equal(counts.unchanged, 1);
      await world.ingest('u2', 2, [{ id: 'a', text: 'B' }], 1);
      await expectText(world, 'a', 'A', broken);
    },
  },
  {
    name: 'of-one-order-the-greater-id',
    prevents: 'of two uploads of one order the one that was ingested first counts',
    without: [
      { file: FILES.uploadOrder, from: '(p.ord, p.upload_id) < ($order, $upload)', to: 'p.ord < $order' },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u-b', 1, [{ id: 'a', text: 'of b' }]);
      assert.equal((await world.ingest('u-a', 1, [{ id: 'a', text: 'of a' }])).superseded, 1);
      await expectText(world, 'a', 'of b');
      await world.ingest('u-c', 1, [{ id: 'a', text: 'of c' }]);
      await expectText(world, 'a', 'of c', broken);
      assert.equal(await world.rebuilt('a'), 'of c');
    },
  },
  {
    name: 'gap-of-the-same-order',
    prevents:
      'A at order 1, A again at 3 (unchanged), and a late B of that order, with a smaller id, replaces it',
    without: [
      { file: FILES.uploadOrder, from: '(u.ord, u.upload_id) < ($order, $upload)', to: 'u.ord < $order' },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'A' }]);
      await world.register('u3-a', 3);
      await world.register('u3-b', 3);
      assert.equal((await world.commit('u3-b', [{ id: 'a', text: 'A' }])).unchanged, 1);
      await world.finish('u3-b');
      await world.commit('u3-a', [{ id: 'a', text: 'B' }]);
      await expectText(world, 'a', 'A', broken);
    },
  },
  {
    name: 'commit-needs-pending-upload',
    prevents: 'a second commit of one upload changes its receipt',
    without: [{ file: FILES.ingest, from: "row.state !== 'pending' && row.again === 0", to: 'false' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await assert.rejects(
        world.commit('u1', [{ id: 'a', text: 'one' }]),
        { type: 'OperationClosed', message: /is done, not pending/ },
        broken,
      );
      assert.equal((await world.store.getUpload({ systemId: SYSTEM, uploadId: 'u1' }))?.rows.new, 1);
    },
  },
  {
    name: 'receipt-due-is-a-state',
    prevents: 'a crash between commit and receipt, and nobody writes the receipt',
    without: [
      {
        file: FILES.uploads,
        from: "WHERE system_id = $system AND state IN ('pending', 'committed', 'receipted')",
        to: "WHERE system_id = $system AND state IN ('pending')",
      },
    ],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      await world.commit('u1', [{ id: 'a', text: 'one' }]);
      await world.store.close();
      await world.open();
      assert.equal((await world.store.nextUpload(SYSTEM))?.state, 'committed', broken);
    },
  },
  {
    name: 'no-commit-while-a-receipt-is-due',
    prevents: 'counts of a rebuild go wrong: the later upload stands in the ledger, the earlier does not',
    without: [{ file: FILES.ingest, from: 'if (due > 0)', to: 'if (false)' }],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      await world.register('u2', 2, 1);
      await world.commit('u1', [{ id: 'a', text: 'one' }]);
      await assert.rejects(
        world.commit('u2', [{ id: 'a', text: 'two' }]),
        { type: 'OperationClosed', message: /still lacks its receipt/ },
        broken,
      );
      await world.finish('u1');
      assert.equal((await world.commit('u2', [{ id: 'a', text: 'two' }])).changed, 1);
    },
  },
  {
    name: 'tombstone-at-commit',
    prevents: 'a memory that was forgotten while its upload was being ingested comes back',
    without: [{ file: FILES.classify, from: "THEN 'refused'", to: "THEN 'new'" }],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      const operation = await world.openIngest('u1', [
        { id: 'a', text: 'one' },
        { id: 'b', text: 'two' },
      ]);
      await operation.insertRows();
      const journal = await world.putJournal(operation, 'u1');
      world.forget('a');
      const counts = await operation.commit(journal);
      await operation.close();
      assert.equal(await world.find('a'), undefined, broken);
      assert.deepEqual([counts.new, counts.refused], [1, 1]);
      await expectText(world, 'b', 'two');
    },
  },
];
