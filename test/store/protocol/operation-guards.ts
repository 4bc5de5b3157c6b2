import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectText, FILES, type Guard } from './guard.js';
import { NOW } from './world.js';

/** Guards of operations: attempts that die, are taken for dead, and meet. */
export const OPERATION_GUARDS: readonly Guard[] = [
  {
    name: 'operation-id-in-names',
    prevents: 'the sweep of a dead attempt deletes the object that its retry placed',
    conditions: [
      {
        // Row and operation ids make each attempt's object another one, and their hash its name: that must not be what helps.
        file: 'store/embedded/tiers/staging.js',
        from: "SELECT ${COMMON_COLUMNS.join(', ')}, embedding FROM staged",
        to: "SELECT ${COMMON_COLUMNS.slice(2).join(', ')}, embedding FROM staged",
      },
    ],
    without: [
      {
        // One name for all attempts at an upload, that of the first.
        file: 'contract/object-keys.js',
        from: '${ref.uploadId}-${opId}-${sha256',
        to: '${ref.uploadId}-${(globalThis.firstAttempt ??= opId)}-${sha256',
      },
    ],
    scenario: async (world, broken) => {
      Reflect.deleteProperty(globalThis, 'firstAttempt');
      await world.register('u1', 1);
      const rows = [{ id: 'a', text: 'one' }];
      const dead = await world.openIngest('u1', rows);
      await dead.insertRows();
      await world.putJournal(dead, 'u1');
      const retry = await world.openIngest('u1', rows);
      await retry.insertRows();
      const journal = await world.putJournal(retry, 'u1');
      // The sweep's two steps, and the commit between them.
      const names = await world.objectNames('journal/');
      await world.store.chooseObjects(names, { unnamedBefore: world.now });
      world.now += 1000;
      const chosen = await world.store.chooseObjects(names, { unnamedBefore: world.now });
      assert.equal(chosen.length, 1);
      await retry.commit(journal);
      await world.archive.delete(chosen);
      assert.deepEqual(await world.objectNames('journal/'), [journal.name], broken);
      await dead.close();
      await retry.close();
    },
  },
  {
    name: 'row-ids-of-each-operation',
    prevents: 'a retry comes upon the rows of an attempt that is dead, which a sweep is about to take',
    without: [
      {
        // Those of the first attempt for all.
        file: FILES.classify,
        from: 'const first = db.takeIds(count);',
        to: 'const first = (globalThis.firstRowId ??= db.takeIds(count));',
      },
    ],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      const rows = [{ id: 'a', text: 'one' }];
      const dead = await world.openIngest('u1', rows);
      await dead.insertRows();
      const retry = await world.openIngest('u1', rows);
      await assert.doesNotReject(retry.insertRows(), broken);
      for (const _look of ['first', 'second']) await world.sweepAfter(1000);
      await retry.commit(await world.putJournal(retry, 'u1'));
      await expectText(world, 'a', 'one', broken);
      await dead.close();
      await retry.close();
    },
  },
  {
    name: 'commit-needs-open-operation',
    prevents: 'an attempt taken for dead commits rows that a sweep may already have taken',
    conditions: [
      // Within one process the attempt is told, and would not get as far.
      { file: 'store/embedded/ingest-operation.js', from: 'this.signal.throwIfAborted();\n', to: '' },
    ],
    without: [{ file: FILES.operations, from: "if (row?.state !== 'open')\n", to: 'if (false)\n' }],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      const zombie = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      await zombie.insertRows();
      const journal = await world.putJournal(zombie, 'u1');
      world.now += 1_000_000;
      assert.equal(await world.store.closeExpiredOperations(), 1);
      await assert.rejects(
        zombie.commit(journal),
        { type: 'OperationClosed', message: /is aborted/ },
        broken,
      );
      await zombie.close();
    },
  },
  {
    name: 'dead-attempts-are-closed-at-start',
    prevents: 'rows of a batch that died with its process stay in it for ever',
    without: [
      {
        file: 'store/embedded/embedded-store.js',
        from: 'await engine.context.catalog.write.abortAllOperations(options.now());',
        to: '',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      const later = NOW + 30 * 86_400_000;
      assert.ok(await world.store.openMove(later, 10));
      await world.store.close();
      await world.open();
      const again = await world.store.openMove(later, 10);
      assert.equal(again?.rows, 1, broken);
      await again.close();
    },
  },
  {
    name: 'closing-waits-for-writes',
    prevents: 'a write of a closed operation lands after everything that closing was for',
    without: [
      { file: 'store/embedded/latch.js', from: 'await Promise.allSettled([...entry.writes]);', to: '' },
    ],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      const first = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      let landed = false;
      const write = first.write(async (signal) => {
        // From the moment of closing, however long the way there takes; long enough for what must not come between.
        await once(signal, 'abort');
        await sleep(500);
        landed = true;
      });
      write.catch(() => undefined);
      const second = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      assert.equal(landed, true, broken);
      await assert.rejects(write, { type: 'OperationClosed' });
      await first.close();
      await second.close();
    },
  },
  {
    name: 'put-is-read-back',
    prevents: 'an object that object storage damaged becomes the only copy',
    without: [{ file: 'store/embedded/put-object.js', from: 'if (found === sent.sha256)', to: 'if (true)' }],
    scenario: async (world, broken) => {
      await world.register('u1', 1);
      const operation = await world.openIngest('u1', [{ id: 'a', text: 'one' }]);
      await operation.insertRows();
      // A double, to inject the fault: what comes back is not what went out.
      const get = world.archive.get.bind(world.archive);
      world.archive.get = async (key) => Buffer.concat([await get(key), Buffer.from('x')]);
      await assert.rejects(
        world.putJournal(operation, 'u1'),
        { type: 'ObjectCorrupt', message: /read back has SHA-256/ },
        broken,
      );
      await operation.close();
    },
  },
];
