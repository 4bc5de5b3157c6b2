import assert from 'node:assert/strict';
import type { ForgetScope } from '../../../src/contract/index.js';
import { ReaderPool } from '../../../src/reader/index.js';
import type { Guard } from './guard.js';
import { NOW, SYSTEM, type World } from './world.js';

const MEMORY = { scope: 'memory', systemId: SYSTEM, kind: 'conversation', memoryId: 'a' } as const;
const PROJECT: ForgetScope = { scope: 'project', systemId: null, project: 'p' };

const FORGET = 'store/embedded/catalog/forget.js';
const ERASING = 'store/embedded/tiers/erasing.js';
const UPLOADS = 'maintenance/forget/uploads.js';
const OBJECTS = 'maintenance/forget/objects.js';

const TWO = [
  { id: 'a', text: 'forgotten' },
  { id: 'b', text: 'stays' },
];

/** Guards of forgetting. */
export const FORGET_GUARDS: readonly Guard[] = [
  {
    name: 'forget-ends-what-is-under-way',
    prevents: 'a put of an ingest that was open lands after the last look',
    without: [{ file: FORGET, from: "closeOperation(db, opId, 'aborted', now);", to: ';' }],
    // The latch is closed by what the catalog answers.
    conditions: [
      {
        file: 'store/embedded/forgetting.js',
        from: 'context.latch.close(opId)',
        to: 'Promise.resolve(opId)',
      },
    ],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      const operation = await world.openIngest('u1', TWO);
      await operation.insertRows();
      await world.forgetAll(MEMORY);
      const journal = await world.putJournal(operation, 'u1');
      await operation.commit(journal).catch((error: unknown) => {
        if (!world.library.contract.isAkoshaError(error)) throw error;
      });
      await operation.close();
      assert.deepEqual(world.read(`SELECT state FROM uploads`), [{ state: 'pending' }], broken);
    },
  },
  {
    name: 'forget-closes-the-writes-of-what-it-ends',
    prevents: 'an operation that is ended goes on writing what is forgotten',
    without: [
      {
        file: 'store/embedded/forgetting.js',
        from: 'context.latch.close(opId)',
        to: 'Promise.resolve(opId)',
      },
    ],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      const operation = await world.openIngest('u1', TWO);
      await operation.insertRows();
      await world.forgetAll(MEMORY);
      await world.putJournal(operation, 'u1').catch((error: unknown) => {
        if (!world.library.contract.isAkoshaError(error)) throw error;
      });
      await operation.close();
      assert.deepEqual(await world.textsInObjects(), [], broken);
    },
  },
  {
    name: 'forget-looks-at-every-object',
    prevents: 'an object that no placement names, put by a server that died, keeps what is forgotten',
    without: [
      {
        file: OBJECTS,
        from: 'if (await eraseFrom(pass, name))',
        to: 'if ((await context.store.isKeeper(name)) && (await eraseFrom(pass, name)))',
      },
    ],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      const operation = await world.openIngest('u1', TWO);
      await operation.insertRows();
      await world.putJournal(operation, 'u1');
      await operation.close();
      await world.forgetAll(MEMORY);
      assert.deepEqual(await world.textsInObjects(), [], broken);
    },
  },
  {
    name: 'forget-ingests-what-waits-first',
    prevents: 'an upload that waits keeps its files, and is read with what is forgotten still in them',
    without: [
      { file: UPLOADS, from: 'await context.intake.ingestPending(systemId, context.now(), signal);', to: '' },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, TWO);
      await world.register('u2', 2, 1);
      const deleted: string[] = [];
      const context = world.forgetting({
        ingestPending: async () => {
          await world.commit('u2', TWO);
          await world.finish('u2');
        },
        deleteRaw: async (ref) => {
          deleted.push(ref.uploadId);
          await world.store.markForgotten(ref);
        },
      });
      const { requestForget, erasePass } = world.library.maintenance;
      await requestForget(context, MEMORY);
      await erasePass(context, MEMORY);
      assert.deepEqual(await stateOf(world, 'u2'), { state: 'raw_gone', forgottenRows: 1 }, broken);
      assert.deepEqual(deleted, ['u1', 'u2']);
    },
  },
  {
    name: 'refused-rows-take-their-files-at-once',
    prevents: 'the forgotten text of a later upload stands 7 days more',
    without: [
      {
        file: 'ingest/finish-upload.js',
        from: 'if (record.forgottenRows > 0)\n        await deleteRawFiles',
        to: 'if (false)\n        await deleteRawFiles',
      },
    ],
    scenario: async (world, broken) => {
      await world.forgetAll(MEMORY);
      const ref = { systemId: SYSTEM, uploadId: 'u1' };
      await world.archive.put(`systems/${SYSTEM}/uploads/u1/a.duckdb`, 'forgotten');
      await world.register('u1', 1);
      await world.commit('u1', TWO);
      // Starts no process until something is to be read.
      const reader = new ReaderPool({ size: 1, memoryLimitMb: 64, jobTimeoutMs: 1_000 });
      await world.library.ingest.ingestUpload(
        {
          store: world.store,
          uploads: world.archive,
          reader,
          scratch: world.folder,
          clock: () => NOW,
        },
        ref,
      );
      assert.deepEqual(
        await world.objectNames('systems/'),
        [`systems/${SYSTEM}/uploads/u1/receipt.json`],
        broken,
      );
    },
  },
  {
    name: 'only-objects-say-what-is-forgotten',
    prevents: 'what was lifted is refused after a rebuild',
    without: [
      { file: 'store/embedded/catalog/forgets.js', from: "db.run('DELETE FROM tombstones');", to: '' },
    ],
    scenario: async (world, broken) => {
      world.forget('a');
      await world.library.maintenance.loadTombstones(world.forgetting());
      assert.equal((await world.ingest('u1', 1, TWO)).refused, 0, broken);
    },
  },
  {
    name: 'a-project-is-forgotten-with-older-versions',
    prevents: 'an older version of another project is found by a rebuild',
    without: [{ file: FORGET, from: "if (row.scope === 'project')", to: 'if (false)' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'older', project: 'q' }]);
      await world.ingest('u2', 2, [{ id: 'a', text: 'forgotten', project: 'p' }], 1);
      await world.forgetAll(PROJECT);
      assert.equal(await world.rebuilt('a'), undefined, broken);
    },
  },
  {
    name: 'what-came-since-is-not-forgotten',
    prevents: 'a memory that came back in another project is erased, and its placement names nothing',
    without: [{ file: ERASING, from: 'AND r.op_id < f.before_op', to: '' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'forgotten', project: 'p' }]);
      const { requestForget, erasePass } = world.library.maintenance;
      await requestForget(world.forgetting(), PROJECT);
      await world.ingest('u2', 2, [{ id: 'a', text: 'moved on', project: 'q' }], 1);
      await erasePass(world.forgetting(), PROJECT).catch((error: unknown) => {
        if (!world.library.contract.isAkoshaError(error)) throw error;
      });
      assert.equal((await world.find('a'))?.content, 'moved on', broken);
    },
  },
  {
    name: 'a-forget-ends-lists-of-what-stands',
    prevents: 'a memory that a reader left out is forgotten, lifted, and lost',
    without: [{ file: 'store/embedded/catalog/removal.js', from: 'notePlaced(db, id, opId);', to: ';' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, TWO);
      await world.register('u2', 2, 1);
      const listed = await world.list('u2');
      await world.forgetAll(MEMORY);
      await world.library.maintenance.liftForget(world.forgetting(), MEMORY);
      await assert.rejects(world.commit('u2', TWO, listed), { type: 'WriteSetStale' }, broken);
    },
  },
];

async function stateOf(
  world: World,
  uploadId: string,
): Promise<{ state: string; forgottenRows: number } | undefined> {
  const record = await world.store.getUpload({ systemId: SYSTEM, uploadId });
  return record && { state: record.state, forgottenRows: record.forgottenRows };
}
