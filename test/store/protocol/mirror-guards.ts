import assert from 'node:assert/strict';
import { expectText, FILES, type Guard } from './guard.js';
import type { World } from './world.js';

/** Guards of deletions: what an upload of a mirrored system lacks. */
export const MIRROR_GUARDS: readonly Guard[] = [
  {
    name: 'deletion-is-a-version',
    prevents: 'a rebuild takes a deleted memory from the journal that brought it',
    without: [
      { file: FILES.classify, from: "'outlived', 'deleted')`", to: "'outlived')`" },
      {
        file: FILES.ingest,
        from: 'requireWritten(db, input);\n',
        to: `requireWritten(db, input);
             db.run("DELETE FROM placements WHERE pid IN (SELECT pid FROM incoming WHERE stage = $stage AND class = 'deleted')", { stage: input.stage });\n`,
      },
    ],
    scenario: async (world, broken) => {
      mirror(world);
      await world.ingest('u1', 1, [
        { id: 'a', text: 'one' },
        { id: 'b', text: 'two' },
      ]);
      const counts = await world.ingest('u2', 2, [{ id: 'b', text: 'two' }], 1);
      assert.equal(counts.deleted, 1);
      assert.equal(await world.find('a'), undefined);
      assert.equal(await world.rebuilt('b'), 'two');
      assert.equal(await world.rebuilt('a'), undefined, broken);
    },
  },
  {
    name: 'late-upload-finds-the-deletion',
    prevents: 'the mirror upload came first, and what it lacks counts as new when its older upload arrives',
    without: [
      { file: FILES.classify, from: "THEN 'new' ELSE 'outlived' END", to: "THEN 'new' ELSE 'new' END" },
    ],
    scenario: async (world, broken) => {
      mirror(world);
      await world.ingest('u2', 2, [{ id: 'b', text: 'two' }], 1);
      const counts = await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      assert.equal(await world.find('a'), undefined, broken);
      assert.deepEqual([counts.new, counts.superseded], [0, 1]);
    },
  },
  {
    name: 'late-version-is-written-as-deleted',
    prevents:
      'a rebuild takes a late version from the journal of a dead attempt, where nothing says that it is deleted',
    without: [
      { file: FILES.classify, from: "'rewritten', 'outlived', 'deleted')`", to: "'rewritten', 'deleted')`" },
    ],
    scenario: async (world, broken) => {
      mirror(world);
      await world.register('u1', 1);
      const dead = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      await dead.insertRows();
      await world.putJournal(dead, 'u1');
      await dead.close();
      await world.ingest('u2', 2, [{ id: 'b', text: 'two' }], 1);
      await world.commit('u1', [{ id: 'a', text: 'one' }]);
      await world.finish('u1');
      assert.equal(await world.find('a'), undefined);
      assert.equal(await world.rebuilt('a'), undefined, broken);
    },
  },
  {
    name: 'a-deletion-has-the-id-of-what-lacks-it',
    prevents:
      'of two uploads of one order a rebuild takes the version of a dead attempt, and not that the other lacks it',
    without: [
      {
        file: FILES.classify,
        from: "upload_id = CASE class WHEN 'outlived' THEN $outliving -> kind ->> 'uploadId' ELSE $upload END",
        to: 'upload_id = $upload',
      },
    ],
    scenario: async (world, broken) => {
      mirror(world);
      await world.register('u-a', 1);
      const dead = await world.openIngest('u-a', [{ id: 'a', text: 'one' }]);
      await dead.insertRows();
      await world.putJournal(dead, 'u-a');
      await dead.close();
      await world.ingest('u-b', 1, [{ id: 'b', text: 'two' }]);
      await world.commit('u-a', [{ id: 'a', text: 'one' }]);
      await world.finish('u-a');
      assert.equal(await world.find('a'), undefined);
      assert.equal(await world.rebuilt('a'), undefined, broken);
    },
  },
  {
    name: 'only-the-newest-upload-deletes',
    prevents:
      'a late upload deletes what a newer one holds unchanged, whose placement does not tell its order',
    without: [
      {
        file: FILES.classify,
        from: 'followed ? [] : staged.mirrors',
        to: 'staged.mirrors',
      },
    ],
    scenario: async (world, broken) => {
      mirror(world);
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      // Of an original host: its manifest does not say that something is missing before it.
      await world.ingest('u3', 3, [{ id: 'a', text: 'one' }]);
      const counts = await world.ingest('u2', 2, [{ id: 'b', text: 'two' }]);
      await expectText(world, 'a', 'one', broken);
      assert.deepEqual([counts.deleted, counts.absent], [0, 1]);
    },
  },
  {
    name: 'absent-again-at-commit',
    prevents: 'a memory that came while a mirror upload without it was under way stays',
    without: [
      {
        file: FILES.classify,
        from: 'stageAbsent(db, staged, deletable);\n',
        to: 'if (db.number("SELECT count(*) FROM incoming WHERE class IS NOT NULL") === 0) stageAbsent(db, staged, deletable);\n',
      },
    ],
    scenario: async (world, broken) => {
      mirror(world);
      await world.register('u1', 1);
      await world.register('u2', 2, 1);
      const second = await world.openIngest('u2', [{ id: 'b', text: 'two' }]);
      await second.insertRows();
      const journal = await world.putJournal(second, 'u2');
      await world.commit('u1', [{ id: 'a', text: 'one' }]);
      await world.finish('u1');
      await assert.rejects(second.commit(journal), { type: 'WriteSetStale' }, broken);
      await second.close();
      assert.equal((await world.commit('u2', [{ id: 'b', text: 'two' }])).deleted, 1);
      assert.equal(await world.find('a'), undefined);
    },
  },
];

function mirror(world: World): void {
  world.mirrors = ['conversation'];
}
