import { BIGINT, LIST, listValue } from '@duckdb/node-api';
import { AkoshaError, messageOf } from '../../../contract/index.js';
import type { CheckedRow } from '../catalog/repair.js';
import { qualified, tableFor, type TableTier } from './tables.js';
import { queryRows, type TierDatabase } from './tier-database.js';

/** What DuckDB says of a file that is cut short or changed, and does not say of a full disk or of one that it cannot write to. */
const DAMAGED = /could not read|checksum|corrupt|serializ|failed to load/i;

/** Raises `StoreDamaged` for what shows that a tier's file is not as it was written. Not all of that is met by reading its rows: an index has blocks too. */
export async function noticeDamage<T>(tier: TableTier, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!DAMAGED.test(messageOf(error))) throw error;
    throw new AkoshaError('StoreDamaged', `the file of ${tier} is damaged: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Reads every column of every row, which has DuckDB check the sum of every block that holds one. Returns what it met. */
export async function findDamage(tiers: TierDatabase, tier: TableTier): Promise<string | undefined> {
  try {
    for (const table of await tiers.tables(tier)) {
      await tiers.read((connection) =>
        queryRows(connection, `SELECT bit_xor(hash(t)) FROM ${qualified(table)} t`),
      );
    }
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Those that are not in the tables of their periods. */
export async function lostRows(
  tiers: TierDatabase,
  tier: TableTier,
  rows: readonly CheckedRow[],
): Promise<CheckedRow[]> {
  const idsByTable = new Map<string, bigint[]>();
  for (const { ownTime, rowId } of rows) {
    const table = qualified(tableFor(tier, ownTime));
    const ids = idsByTable.get(table) ?? [];
    ids.push(BigInt(rowId));
    idsByTable.set(table, ids);
  }
  const found = new Set<number>();
  for (const table of (await tiers.tables(tier)).map(qualified)) {
    const ids = idsByTable.get(table);
    if (ids === undefined) continue;
    const sql = `SELECT row_id FROM ${table} WHERE row_id IN (SELECT unnest($ids))`;
    const there = await tiers.read((connection) =>
      queryRows<{ row_id: bigint }>(connection, sql, { ids: listValue(ids) }, { ids: LIST(BIGINT) }),
    );
    for (const { row_id } of there) found.add(Number(row_id));
  }
  return rows.filter(({ rowId }) => !found.has(rowId));
}
