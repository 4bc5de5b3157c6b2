import assert from 'node:assert/strict';
import { expectText, FILES, type Guard } from './guard.js';
import { SYSTEM, type Listed, type World } from './world.js';

async function listOf(world: World, uploadId: string): Promise<Listed> {
  const listed = await world.list(uploadId);
  assert.ok(listed);
  return listed;
}

const STALE = { type: 'WriteSetStale', message: /no longer those that upload/ };

/** Guards of an ingest whose reader left out what the store has already. */
export const KNOWN_GUARDS: readonly Guard[] = [
  {
    name: 'list-holds-at-commit',
    prevents: 'a row was left out as unchanged, another version was placed meanwhile, and the newest is lost',
    without: [{ file: FILES.ingest, from: 'requireKnown(db, input);\n        classify', to: 'classify' }],
    scenario: (world, broken) => replacedMeanwhile(world, broken),
  },
  {
    name: 'a-placement-ends-lists',
    prevents: 'the list is taken for good though rows were placed since',
    without: [{ file: FILES.ingest, from: 'notePlaced(db, upload.systemId, opId);\n', to: '' }],
    scenario: (world, broken) => replacedMeanwhile(world, broken),
  },
  {
    name: 'a-gap-ends-lists',
    prevents: 'an upload is found that comes before this one, and replaces what this one has unchanged',
    without: [
      {
        file: FILES.known,
        from: 'one.gap.order === other.gap.order &&\n        one.gap.uploadId === other.gap.uploadId',
        to: 'true',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'A' }]);
      await world.register('u3', 3);
      const operation = await world.openIngest('u3', [{ id: 'a', text: 'A' }], await listOf(world, 'u3'));
      await world.register('u2', 2, 1);
      await assert.rejects(operation.commit(undefined), STALE, broken);
      await operation.close();
      assert.equal((await world.commit('u3', [{ id: 'a', text: 'A' }], await world.list('u3'))).unchanged, 1);
      await world.finish('u3');
      await world.commit('u2', [{ id: 'a', text: 'B' }]);
      await expectText(world, 'a', 'A');
    },
  },
  {
    name: 'nothing-below-a-gap-is-listed',
    prevents: 'A at order 1, A again at 3 (left out as unchanged), and a late B at 2 replaces it',
    without: [
      { file: FILES.known, from: '(p.ord, p.upload_id) > ($gapOrder, $gapUpload)', to: '$gapOrder < 1000' },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'A' }]);
      await world.register('u3', 3, 2);
      const counts = await world.commit('u3', [{ id: 'a', text: 'A' }], await world.list('u3'));
      await world.finish('u3');
      assert.equal(counts.unchanged, 1);
      await world.ingest('u2', 2, [{ id: 'a', text: 'B' }], 1);
      await expectText(world, 'a', 'A', broken);
    },
  },
  {
    name: 'forgetting-ends-lists',
    prevents: 'what was forgotten since counts as unchanged',
    without: [{ file: FILES.known, from: 'one.tombstones === other.tombstones', to: 'true' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'A' }]);
      await world.register('u2', 2, 1);
      const operation = await world.openIngest('u2', [{ id: 'a', text: 'A' }], await listOf(world, 'u2'));
      world.forget('a');
      await assert.rejects(operation.commit(undefined), STALE, broken);
      await operation.close();
      const counts = await world.commit('u2', [{ id: 'a', text: 'A' }], await world.list('u2'));
      assert.deepEqual([counts.refused, counts.unchanged], [1, 0]);
    },
  },
  {
    name: 'nothing-forgotten-is-listed',
    prevents: 'what is forgotten counts as unchanged',
    without: [
      {
        file: FILES.known,
        from: "($gapOrder, $gapUpload) AND NOT ${hasTombstone('p')}",
        to: '($gapOrder, $gapUpload)',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [
        { id: 'a', text: 'A' },
        { id: 'b', text: 'B' },
      ]);
      world.forget('a');
      await world.register('u2', 2, 1);
      const listed = await listOf(world, 'u2');
      assert.deepEqual(
        listed.memories.map(({ id }) => id),
        ['b'],
        broken,
      );
    },
  },
  {
    name: 'nothing-is-listed-where-a-project-is-forgotten',
    prevents: 'a memory that stands under another project is not refused under the one that is forgotten',
    without: [{ file: FILES.known, from: "scope !== 'memory'", to: 'scope === undefined' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'A' }]);
      world.sql(
        `INSERT INTO tombstones (scope_id, scope, system_id, project, requested_at, state)
         VALUES ('project/p', 'project', '${SYSTEM}', 'p', 1, 'standing')`,
      );
      await world.register('u2', 2, 1);
      assert.equal(await world.list('u2'), undefined, broken);
    },
  },
  {
    name: 'ingested-again-without-a-list',
    prevents:
      'an upload that is ingested again on purpose leaves out what is unchanged, and its vectors stay those of before',
    without: [{ file: FILES.known, from: " AND state = 'pending'", to: '' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'A' }]);
      await world.store.requestAgain({ systemId: SYSTEM, uploadId: 'u1' });
      assert.equal(await world.list('u1'), undefined, broken);
      const operation = await world.openIngest('u1', [{ id: 'a', text: 'A' }]);
      await operation.close();
      assert.equal(operation.writes, 1);
    },
  },
  {
    name: 'what-was-left-out-is-not-absent',
    prevents: 'a mirror upload deletes what its reader left out as unchanged',
    without: [{ file: FILES.classify, from: ' AND NOT ${PASSED} AND NOT EXISTS', to: ' AND NOT EXISTS' }],
    scenario: (world, broken) => mirrored(world, broken),
  },
  {
    name: 'what-is-missing-is-absent',
    prevents: 'a memory that was listed and is not in a mirror upload stays',
    without: [
      { file: FILES.known, from: 'm.stage = $stage AND m.pid = p.pid', to: 'm.stage = $stage AND m.pid < 0' },
    ],
    scenario: (world, broken) => mirrored(world, broken),
  },
  {
    name: 'what-was-left-out-is-not-counted-absent',
    prevents: 'what the reader left out as unchanged is counted absent',
    without: [{ file: FILES.ingest, from: ' AND NOT ${PASSED} AND NOT EXISTS', to: ' AND NOT EXISTS' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [
        { id: 'a', text: 'A' },
        { id: 'b', text: 'B' },
        { id: 'c', text: 'C' },
      ]);
      await world.register('u2', 2, 1);
      const counts = await world.commit(
        'u2',
        [
          { id: 'a', text: 'A' },
          { id: 'b', text: 'changed' },
        ],
        await listOf(world, 'u2'),
      );
      assert.deepEqual([counts.unchanged, counts.changed, counts.absent], [1, 1, 1], broken);
    },
  },
];

/** A late upload brings another version of what the newest one has as it was: left out of that one, it would be gone. */
async function replacedMeanwhile(world: World, broken: string): Promise<void> {
  await world.ingest('u1', 1, [{ id: 'a', text: 'A' }]);
  await world.register('u3', 3);
  const rows = [
    { id: 'a', text: 'A' },
    { id: 'c', text: 'C' },
  ];
  const before = await listOf(world, 'u3');
  const operation = await world.openIngest('u3', rows, before);
  assert.equal(operation.writes, 1);
  await operation.insertRows();
  const journal = await world.putJournal(operation, 'u3');
  await world.register('u2', 2, 1);
  await world.commit('u2', [{ id: 'a', text: 'B' }]);
  await world.finish('u2');
  await assert.rejects(operation.commit(journal), STALE, broken);
  await operation.close();
  // Before anything is written, too.
  await assert.rejects(world.openIngest('u3', rows, before), STALE);
  const counts = await world.commit('u3', rows, await listOf(world, 'u3'));
  assert.deepEqual([counts.changed, counts.new], [1, 1]);
  await expectText(world, 'a', 'A');
}

async function mirrored(world: World, broken: string): Promise<void> {
  world.mirrors = ['conversation'];
  await world.ingest('u1', 1, [
    { id: 'a', text: 'A' },
    { id: 'b', text: 'B' },
  ]);
  await world.register('u2', 2, 1);
  const listed = await listOf(world, 'u2');
  assert.equal(listed.list.rows, 2);
  const counts = await world.commit('u2', [{ id: 'a', text: 'A' }], listed);
  assert.deepEqual([counts.unchanged, counts.deleted, counts.absent], [1, 1, 0], broken);
  await expectText(world, 'a', 'A');
  assert.equal(await world.find('b'), undefined);
}
