import assert from 'node:assert/strict';
import { expectText, type Guard } from './guard.js';
import { DAY, SYSTEM, type World } from './world.js';

const CATALOG = 'store/embedded/catalog/retention.js';

/** Guards of the retention of raw uploads. */
export const RETENTION_GUARDS: readonly Guard[] = [
  {
    name: 'raw-goes-only-with-its-row-in-a-backup',
    prevents: 'the ledger and the upload are lost together',
    without: [
      {
        file: CATALOG,
        from: "WHERE s.what = 'uploads' AND",
        to: 'WHERE 0 AND',
      },
    ],
    scenario: async (world, broken) => {
      await ingestTwo(world);
      world.now += 8 * DAY;
      await world.retire();
      await world.lose();
      await world.rebuild();
      assert.notEqual(await world.store.getUpload({ systemId: SYSTEM, uploadId: 'u1' }), undefined, broken);
    },
  },
  {
    name: 'the-greatest-order-stays',
    prevents:
      'a host without its outbox numbers below its newest upload, and its new rows count as superseded',
    without: [{ file: CATALOG, from: 'g.ord > u.ord', to: 'g.ord >= u.ord' }],
    scenario: async (world, broken) => {
      await ingestTwo(world);
      await world.backup();
      world.now += 8 * DAY;
      await world.retire();
      // As a host that lost its disk numbers: strictly above everything under its prefix.
      const receipts = (await world.objectNames(`systems/${SYSTEM}/`)).filter((key) =>
        key.endsWith('receipt.json'),
      );
      const orders = await Promise.all(
        receipts.map(
          async (key) => (JSON.parse((await world.archive.get(key)).toString()) as { order: number }).order,
        ),
      );
      await world.ingest('u3', Math.max(0, ...orders) + 1, [{ id: 'a', text: 'three' }]);
      await expectText(world, 'a', 'three', broken);
    },
  },
  {
    name: 'a-marked-upload-keeps-its-files',
    prevents: 'an upload that waits to be ingested again loses its files',
    without: [{ file: CATALOG, from: 'u.again_requested_at IS NULL AND', to: '' }],
    scenario: async (world, broken) => {
      await ingestTwo(world);
      await world.store.requestAgain({ systemId: SYSTEM, uploadId: 'u1' });
      await world.backup();
      world.now += 8 * DAY;
      await world.retire();
      const file = await world.archive.head(`systems/${SYSTEM}/uploads/u1/a.duckdb`);
      assert.notEqual(file, undefined, broken);
    },
  },
];

/** Two uploads of one memory, of orders 8 and 9, with their files. */
async function ingestTwo(world: World): Promise<void> {
  for (const [id, order, text] of [
    ['u1', 8, 'one'],
    ['u2', 9, 'two'],
  ] as const) {
    await world.archive.put(`systems/${SYSTEM}/uploads/${id}/a.duckdb`, text);
    await world.ingest(id, order, [{ id: 'a', text }]);
    await world.putReceipt(id);
  }
}
