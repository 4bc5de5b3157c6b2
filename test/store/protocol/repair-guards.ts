import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { FILES, type Guard } from './guard.js';
import type { World } from './world.js';

/** The file of hot is gone, and the store is open again. */
async function loseHot(world: World): Promise<void> {
  await world.store.checkpoint();
  await world.store.close();
  await rm(path.join(world.folder, 'store/hot.duckdb'));
  await world.open();
}

/** Guards of a repair. */
export const REPAIR_GUARDS: readonly Guard[] = [
  {
    name: 'repair-takes-what-is-still-lost',
    prevents: 'a repair puts an older version back over a newer one',
    without: [
      {
        file: FILES.moves,
        from: 'JOIN placements p ON p.pid = b.pid AND p.row_id = b.row_id\n  WHERE b.op_id = $opId',
        to: 'JOIN placements p ON p.pid = b.pid\n  WHERE b.op_id = $opId',
      },
    ],
    scenario: async (world, broken) => {
      await world.ingest('u1', 1, [{ id: 'a', text: 'one' }]);
      await loseHot(world);
      const { operation } = await world.store.openRepair({ tier: 'hot', limit: 10 });
      assert.ok(operation);
      await operation.copyRows();
      await operation.verifyCopies();
      await world.ingest('u2', 2, [{ id: 'a', text: 'two' }], 1);
      await operation.commit();
      await operation.close();
      assert.equal((await world.find('a'))?.content, 'two', broken);
    },
  },
];
