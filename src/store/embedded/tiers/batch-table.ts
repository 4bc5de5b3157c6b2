import type { MovingRow } from '../catalog/moves.js';
import type { OperationConnection } from './operation-connection.js';

/** Names the rows of a batch in a temporary table `batch`. */
export async function nameBatch(connection: OperationConnection, rows: readonly MovingRow[]): Promise<void> {
  await connection.run('CREATE TEMP TABLE batch (row_id BIGINT, new_row_id BIGINT, ord BIGINT)');
  const appender = await connection.appendTo('batch');
  for (const row of rows) {
    for (const value of [row.rowId, row.newRowId, row.ord]) appender.appendBigInt(BigInt(value));
    appender.endRow();
  }
  appender.closeSync();
}
