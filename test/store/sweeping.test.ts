import { expect, it, onTestFinished } from 'vitest';
import { createTableSql, qualified, tableFor } from '../../src/store/embedded/tiers/tables.js';
import { TierDatabase } from '../../src/store/embedded/tiers/tier-database.js';
import { deleteRows, standingRows } from '../../src/store/embedded/tiers/sweeping.js';
import { temporaryFolder } from '../reader/support.js';

const TABLE = tableFor('warm', Date.UTC(2026, 0, 15));

it('a table is read in parts by row id, each row once, while the sweep deletes of it', async () => {
  const folder = await temporaryFolder();
  const tiers = await TierDatabase.open({ folder, memoryMb: 256, scratch: folder });
  onTestFinished(() => tiers.close());
  await tiers.read(async (connection) => {
    await connection.run(createTableSql(TABLE));
    await connection.run(
      `INSERT INTO ${qualified(TABLE)} BY NAME
       SELECT unnest([5, 1, 4, 2, 3]) AS row_id, 7 AS op_id, 'host-1' AS system_id, 'conversation' AS kind, 'a' AS memory_id,
         'h' AS hash, 1 AS ord, 'u1' AS upload_id, TIMESTAMP '2026-01-15' AS own_time, '' AS content, '{}' AS fields`,
    );
  });
  const parts: number[][] = [];
  for await (const part of standingRows(tiers, TABLE, 2)) {
    parts.push(part.map(({ rowId }) => rowId));
    expect(part.every(({ opId }) => opId === 7)).toBe(true);
    await deleteRows(
      tiers,
      TABLE,
      part.slice(1).map(({ rowId }) => rowId),
    );
  }
  expect(parts).toEqual([[1, 2], [3, 4], [5]]);
  const left: number[][] = [];
  for await (const part of standingRows(tiers, TABLE, 3)) left.push(part.map(({ rowId }) => rowId));
  expect(left).toEqual([[1, 3, 5]]);
});
