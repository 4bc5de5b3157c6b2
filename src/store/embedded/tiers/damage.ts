import { BIGINT, LIST, listValue } from '@duckdb/node-api';
import { AkoshaError, messageOf } from '../../../contract/index.js';
import type { CheckedRow } from '../catalog/repair.js';
import { queryNumber, queryRows } from './queries.js';
import { isShortage } from './shortage.js';
import { qualified, tableFor, type TableTier } from './tables.js';
import type { TierDatabase } from './tier-database.js';

/**
 * What DuckDB says of a file that is cut short or changed, when it opens it (with its log) and later. A file of a newer DuckDB, or one that this
 * process may not read, is none: nothing of that is in its words.
 */
const DAMAGED =
  /could not read|checksum|corrupt|serializ|failed to load|not a valid DuckDB|MetadataReader|replaying WAL/i;

/** Whether an error shows that a tier's file is not as it was written. */
export function isDamage(error: unknown): boolean {
  // Without names, which may be any words.
  const message = messageOf(error).replaceAll(/"[^"]*"/g, '');
  return DAMAGED.test(message) && !isShortage(error);
}

/** Raises `StoreDamaged` for what shows that a tier's file is not as it was written. Not all of that is met by reading its rows: an index has blocks too. */
export async function noticeDamage<T>(tier: TableTier, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isDamage(error)) throw error;
    throw new AkoshaError('StoreDamaged', `the file of ${tier} is damaged: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Reads every column of every row, which has DuckDB check the sum of every block that holds one. Returns the damage that it met; what else fails, as
 * for want of memory, says nothing about the file, and is raised.
 */
export async function findDamage(tiers: TierDatabase, tier: TableTier): Promise<string | undefined> {
  try {
    for (const table of await tiers.tables(tier)) {
      await tiers.read((connection) =>
        queryRows(connection, `SELECT bit_xor(hash(t)) FROM ${qualified(table)} t`),
      );
    }
    return undefined;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return messageOf(error);
  }
}

/** As the tables tell it of themselves, without a look at the rows; none where that cannot be read. */
export async function countRows(tiers: TierDatabase, tier: TableTier): Promise<number> {
  try {
    let rows = 0;
    for (const table of await tiers.tables(tier))
      rows += await tiers.read((connection) =>
        queryNumber(connection, `SELECT count(*) FROM ${qualified(table)}`),
      );
    return rows;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return 0;
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
