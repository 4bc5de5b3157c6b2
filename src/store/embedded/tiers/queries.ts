import type { DuckDBConnection, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { AkoshaError } from '../../../contract/index.js';

/** The rows of a query as plain objects. The row type is the caller's reading of its own SQL. */
export async function queryRows<Row>(
  connection: DuckDBConnection,
  sql: string,
  values?: Record<string, DuckDBValue>,
  types?: Record<string, DuckDBType>,
): Promise<Row[]> {
  const reader = await connection.runAndReadAll(sql, values, types);
  return reader.getRowObjectsJS() as Row[];
}

/** The first column of the first row, as a number. */
export async function queryNumber(connection: DuckDBConnection, sql: string): Promise<number> {
  const [row] = await queryRows<Record<string, unknown>>(connection, sql);
  return row === undefined ? 0 : Number(Object.values(row)[0]);
}

/** Fails where a store's file and its placements cannot both be right. */
export function requireRows(expected: number, found: number, what: string): void {
  if (expected !== found)
    throw new AkoshaError('VerifyFailed', `${what}: ${found} of ${expected} rows are as they should be`);
}
