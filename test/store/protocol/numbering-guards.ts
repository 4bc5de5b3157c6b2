import path from 'node:path';
import { expectText, type Guard } from './guard.js';
import { SYSTEM, type World } from './world.js';

const SEQUENCE = 'upload/sequence.js';

/** The number that a host without its outbox gives its next upload. */
async function numberOfNewHost(world: World): Promise<number> {
  const { Outbox } =
    await world.library.load<typeof import('../../../src/upload/outbox/outbox.js')>(
      'upload/outbox/outbox.js',
    );
  const { nextOrder } = await world.library.load<typeof import('../../../src/upload/sequence.js')>(SEQUENCE);
  const outbox = new Outbox({ dataDir: path.join(world.folder, 'agent') });
  try {
    const host = { systemId: SYSTEM, uploads: world.archive, outbox };
    // Of a host it asks for no more.
    return (await nextOrder(host as Parameters<typeof nextOrder>[0], undefined)).order;
  } finally {
    outbox.close();
  }
}

/** Guards of the numbers that hosts give their uploads. */
export const NUMBERING_GUARDS: readonly Guard[] = [
  {
    name: 'numbers-strictly-above',
    prevents:
      'a host that lost its outbox numbers as if it had sent nothing, and its new rows are superseded',
    without: [
      {
        file: SEQUENCE,
        from: 'lastOrder: Math.max(state.lastOrder, ...seen',
        to: 'lastOrder: Math.max(state.lastOrder, ...[]',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 8, [{ id: 'a', text: 'one' }]);
      await world.putReceipt('u1');
      await world.ingest('u2', await numberOfNewHost(world), [{ id: 'a', text: 'two' }]);
      await expectText(world, 'a', 'two', broken);
    },
  },
];
