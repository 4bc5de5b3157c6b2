import assert from 'node:assert/strict';
import type { Guard } from './guard.js';
import { DAY, type World } from './world.js';

const ROWS = 'store/embedded/scrub-rows.js';

/** Called between the reading of rows and that of placements, where a condition has put it. */
const HOOK = 'akoshaBetweenLooks';

/** Guards of the scrub. */
export const SCRUB_GUARDS: readonly Guard[] = [
  {
    name: 'what-differs-is-looked-at-again',
    prevents: 'a scrub takes an ingest that commits while it looks for a loss, and stops moving',
    conditions: [
      {
        file: ROWS,
        from: 'let { rows } = read;',
        to: `let { rows } = read; await globalThis.${HOOK}?.();`,
      },
    ],
    without: [
      {
        file: ROWS,
        from: 'const rows = await rowsOf(tiers, tier, suspects);',
        to: 'const rows = new Map();',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      let n = 1;
      Reflect.set(globalThis, HOOK, async () => {
        n += 1;
        await world.ingest(`u${n}`, n, [{ id: `m${n}`, text: 'more' }], n - 1);
      });
      try {
        assert.equal((await world.scrub()).findings, 0, broken);
      } finally {
        Reflect.deleteProperty(globalThis, HOOK);
      }
    },
  },
  {
    name: 'only-what-is-placed-still-counts',
    prevents: 'a scrub takes a memory that is forgotten while it looks for a loss, and stops moving',
    conditions: [
      {
        file: ROWS,
        from: 'const rows = await rowsOf(tiers, tier, suspects);',
        to: `await globalThis.${HOOK}?.(); const rows = await rowsOf(tiers, tier, suspects);`,
      },
      // What was read of rows counts for nothing, so that every placement is looked at again.
      { file: ROWS, from: 'byId.get(one.rowId)', to: 'undefined' },
    ],
    without: [{ file: ROWS, from: '.filter(({ pid }) => still.has(pid))', to: '' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      Reflect.set(globalThis, HOOK, () =>
        world.forgetAll({ scope: 'memory', systemId: 'host-1', kind: 'conversation', memoryId: 'a' }),
      );
      try {
        assert.equal((await world.scrub()).findings, 0, broken);
      } finally {
        Reflect.deleteProperty(globalThis, HOOK);
      }
    },
  },
  {
    name: 'retention-deletes-nothing-while-a-finding-stands',
    prevents: 'a raw upload is deleted though the object that has its rows is damaged',
    without: [
      {
        file: 'store/embedded/catalog/retention.js',
        from: '`${NOT_STOPPED} AND u.again',
        to: '`u.again',
      },
    ],
    scenario: async (world, broken) => {
      await damagedAfter(world);
      assert.equal(await world.retire(), 0, broken);
    },
  },
  {
    name: 'a-sweep-chooses-nothing-while-a-finding-stands',
    prevents: 'an object is deleted though what took its place is damaged',
    without: [
      {
        file: 'store/embedded/catalog/sweep.js',
        from: 'AND since < $before AND ${NOT_STOPPED}',
        to: 'AND since < $before',
      },
    ],
    scenario: async (world, broken) => {
      await damagedAfter(world);
      const replaced = (await world.objectNames('journal/')).filter((name) => name.includes('/u0-'));
      await world.store.chooseObjects(replaced, { unnamedBefore: 0 });
      world.now += DAY;
      assert.deepEqual(await world.store.chooseObjects(replaced, { unnamedBefore: world.now }), [], broken);
    },
  },
];

/** Two uploads, of which the second replaces what the first brought; its journal is damaged, and a scrub has found that. */
async function damagedAfter(world: World): Promise<void> {
  for (const [n, text] of ['one', 'two'].entries()) {
    await world.archive.put(`systems/host-1/uploads/u${n}/a.duckdb`, text);
    await world.ingest(`u${n}`, n + 1, [{ id: 'a', text }], n === 0 ? null : n);
    await world.putReceipt(`u${n}`);
  }
  await world.backup();
  world.now += 8 * DAY;
  const newest = (await world.objectNames('journal/')).find((name) => name.includes('/u1-')) ?? '';
  await world.archive.put(newest, 'damaged');
  assert.equal((await world.scrub()).findings, 1);
}
