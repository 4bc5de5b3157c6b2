import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guard } from './guard.js';
import { DAY, NOW } from './world.js';

const BY_TIME = 'search/by-time.js';

/** Guards of searches that more than one tier answers. */
export const SEARCH_GUARDS: readonly Guard[] = [
  {
    name: 'a-search-tells-a-key-once',
    prevents: 'what moves while the tiers are looked through is found in both',
    conditions: [
      // Time enough for a move between the looks.
      {
        file: BY_TIME,
        from: 'const attempt = await budget.attempt',
        to: "if (tier === 'warm') await new Promise((resolve) => setTimeout(resolve, 600));\n    const attempt = await budget.attempt",
      },
    ],
    without: [{ file: BY_TIME, from: 'taken.has(key) || ', to: '' }],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      const { search } =
        await world.library.load<typeof import('../../../src/search/index.js')>('search/index.js');
      const context = { store: world.store, embedder: undefined, timeoutMs: 10_000 };
      const answer = search(context, { text: 'one', sort: 'time' });
      await sleep(150);
      await world.library.maintenance.moveToWarm(world.maintenance(), NOW + 30 * DAY);
      const { results } = await answer;
      assert.deepEqual(
        results.map(({ content }) => content),
        ['one'],
        broken,
      );
    },
  },
];
