import type { StandingRow } from '../catalog/sweep.js';
import { qualified, type PeriodTable, type TableTier } from './tables.js';
import { queryNumber, queryRows, type TierDatabase } from './tier-database.js';

/** Every row that stands in a table, with the operation that wrote it. */
export async function standingRows(tiers: TierDatabase, table: PeriodTable): Promise<StandingRow[]> {
  const rows = await tiers.read((connection) =>
    queryRows<{ row_id: bigint; op_id: bigint }>(connection, `SELECT row_id, op_id FROM ${qualified(table)}`),
  );
  return rows.map((row) => ({ rowId: Number(row.row_id), opId: Number(row.op_id) }));
}

export function countRows(tiers: TierDatabase, table: PeriodTable): Promise<number> {
  return tiers.read((connection) => queryNumber(connection, `SELECT count(*) FROM ${qualified(table)}`));
}

export async function deleteRows(
  tiers: TierDatabase,
  table: PeriodTable,
  rowIds: readonly number[],
): Promise<void> {
  const connection = await tiers.connect();
  try {
    await tiers.write(table.tier, connection, async () => {
      await connection.run(`DELETE FROM ${qualified(table)} WHERE row_id IN (${rowIds.join(', ')})`);
    });
  } finally {
    connection.closeSync();
  }
}

/** Drops a table in the transaction that finds it empty, so that no insert can come between. Returns whether it went. */
export async function dropIfEmpty(tiers: TierDatabase, table: PeriodTable): Promise<boolean> {
  const connection = await tiers.connect();
  try {
    return await tiers.write(table.tier, connection, async () => {
      const rows = await queryNumber(connection, `SELECT count(*) FROM ${qualified(table)}`);
      if (rows > 0) return false;
      await connection.run(`DROP TABLE ${qualified(table)}`);
      return true;
    });
  } finally {
    connection.closeSync();
  }
}

export const TABLE_TIERS: readonly TableTier[] = ['hot', 'warm'];
