import assert from 'node:assert/strict';
import { gate } from '../../support/gate.js';
import type { Guard } from './guard.js';
import { DAY, NOW } from './world.js';

const BY_TIME = 'search/by-time.js';

/** Gates that a patch passes, by which a scenario does something between two steps. */
const HOOK = 'akoshaBetweenTiers';

/** Guards of searches that more than one tier answers. */
export const SEARCH_GUARDS: readonly Guard[] = [
  {
    name: 'a-search-tells-a-key-once',
    prevents: 'what moves while the tiers are looked through is found in both',
    conditions: [
      // A move between the looks.
      {
        file: BY_TIME,
        from: 'const attempt = await budget.attempt',
        to: `if (tier === 'warm') await globalThis.${HOOK}?.moved.opened;\n    const attempt = await budget.attempt`,
      },
      {
        file: BY_TIME,
        from: 'const matches = attempt.ok',
        to: `if (tier === 'hot') globalThis.${HOOK}?.looked.open();\n    const matches = attempt.ok`,
      },
    ],
    without: [{ file: BY_TIME, from: 'taken.set(key, row);', to: 'taken.set(`${key} ${taken.size}`, row);' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      const { search } =
        await world.library.load<typeof import('../../../src/search/index.js')>('search/index.js');
      const context = { store: world.store, embedder: undefined, timeoutMs: 10_000 };
      const hook = { looked: gate(), moved: gate() };
      Reflect.set(globalThis, HOOK, hook);
      try {
        const answer = search(context, { text: 'one', sort: 'time' });
        await hook.looked.opened;
        await world.library.maintenance.moveToWarm(world.maintenance(), NOW + 30 * DAY);
        hook.moved.open();
        const { results } = await answer;
        assert.deepEqual(
          results.map(({ content }) => content),
          ['one'],
          broken,
        );
      } finally {
        Reflect.deleteProperty(globalThis, HOOK);
      }
    },
  },
];
