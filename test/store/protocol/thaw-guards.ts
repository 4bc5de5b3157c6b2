import assert from 'node:assert/strict';
import { FILES, type Guard } from './guard.js';
import { NOW, SYSTEM, type World } from './world.js';

const DAY = 86_400_000;
const COLD_AT = NOW + 365 * DAY;
const ALL = { systemId: SYSTEM };

/** One memory, cold, and its journal swept: the cold object alone keeps it. */
async function freeze(world: World): Promise<void> {
  await world.ingest('u1', 1, [{ id: 'a', text: 'one', age: 100 }]);
  const [partition] = await world.store.coldPartitionsDue(COLD_AT, true);
  assert.ok(partition);
  await world.library.maintenance.moveToCold(world.maintenance(), COLD_AT, partition);
  await sweepTwice(world);
  assert.deepEqual(await world.objectNames('journal/'), []);
}

async function sweepTwice(world: World): Promise<void> {
  for (let round = 0; round < 2; round++) await world.sweepAfter(1000);
}

function thaw(world: World): ReturnType<World['library']['maintenance']['moveChosen']> {
  const way = { selection: ALL, from: 'cold', to: 'hot', after: null } as const;
  return world.library.maintenance.moveChosen(world.maintenance(), way);
}

/** Guards of thaws, and of pins. */
export const THAW_GUARDS: readonly Guard[] = [
  {
    name: 'keeper-after-thaw',
    prevents: 'what was thawed stands on this disk alone: its cold object is named by nothing, and swept',
    // SQLite itself would refuse to lose the object's row, though too late: the object is gone by then.
    conditions: [{ file: FILES.database, from: 'PRAGMA foreign_keys = ON', to: 'PRAGMA foreign_keys = OFF' }],
    without: [
      {
        file: FILES.sweep,
        from: 'EXISTS (SELECT 1 FROM placements p WHERE p.keeper_id = b.object_id)\n       OR EXISTS',
        to: 'EXISTS (SELECT 1 FROM placements p WHERE p.object_id = b.object_id)\n       OR EXISTS',
      },
    ],
    scenario: async (world, broken) => {
      await freeze(world);
      assert.equal((await thaw(world)).moved, 1);
      await sweepTwice(world);
      assert.equal(await world.rebuilt('a'), 'one', broken);
    },
  },
  {
    name: 'thaw-takes-what-still-stands',
    prevents: 'a thaw puts an older version back over a newer one',
    without: [
      {
        file: FILES.moves,
        from: 'JOIN placements p ON p.pid = b.pid AND p.row_id = b.row_id\n  WHERE b.op_id = $opId',
        to: 'JOIN placements p ON p.pid = b.pid\n  WHERE b.op_id = $opId',
      },
    ],
    scenario: async (world, broken) => {
      await freeze(world);
      const request = { selection: ALL, from: 'cold', to: 'warm', limit: 10, staysUntil: 0 } as const;
      const { operation } = await world.store.openThaw(request);
      assert.ok(operation);
      await operation.copyRows();
      await operation.verifyCopies();
      await world.ingest('u2', 2, [{ id: 'a', text: 'two', age: 100 }], 1);
      await operation.commit();
      await operation.close();
      assert.equal((await world.find('a'))?.content, 'two', broken);
    },
  },
  {
    name: 'pin-at-move',
    prevents: 'a memory that was pinned while it was copied leaves its tier all the same',
    without: [
      { file: FILES.moves, from: '`${STILL_THERE} AND ${NOT_PINNED}`', to: '`${STILL_THERE} AND $now > 0`' },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      const move = await world.store.openMove(NOW + 30 * DAY, 10);
      assert.ok(move);
      await move.copyRows();
      await move.verifyCopies();
      const key = { systemId: SYSTEM, kind: 'conversation', memoryId: 'a' } as const;
      await world.store.pinMemories([key], { tier: null, reason: null });
      await move.commit();
      await move.close();
      assert.equal((await world.find('a'))?.tier, 'hot', broken);
    },
  },
];
