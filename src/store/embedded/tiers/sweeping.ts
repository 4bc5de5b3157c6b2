import { BIGINT, LIST, listValue } from '@duckdb/node-api';
import type { StandingRow } from '../catalog/sweep.js';
import { queryNumber, queryRows } from './queries.js';
import { qualified, type PeriodTable } from './tables.js';
import type { TierDatabase } from './tier-database.js';

/** Every row that stands in a table, with the operation that wrote it, in parts of `limit` by row id. */
export async function* standingRows(
  tiers: TierDatabase,
  table: PeriodTable,
  limit: number,
): AsyncGenerator<StandingRow[]> {
  for (let after = -1; ;) {
    const sql = `SELECT row_id, op_id FROM ${qualified(table)} WHERE row_id > ${after} ORDER BY row_id LIMIT ${limit}`;
    const rows = await tiers.read((connection) =>
      queryRows<{ row_id: bigint; op_id: bigint }>(connection, sql),
    );
    const standing = rows.map((row) => ({ rowId: Number(row.row_id), opId: Number(row.op_id) }));
    const last = standing.at(-1);
    if (last === undefined) return;
    yield standing;
    if (standing.length < limit) return;
    after = last.rowId;
  }
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
      // As a list to look up in: DuckDB plans ten thousand literals one by one, which takes ten times as long.
      await connection.run(
        `DELETE FROM ${qualified(table)} WHERE row_id IN (SELECT unnest($ids))`,
        { ids: listValue(rowIds.map(BigInt)) },
        { ids: LIST(BIGINT) },
      );
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
      await tiers.dropTable(connection, table);
      return true;
    });
  } finally {
    connection.closeSync();
  }
}
