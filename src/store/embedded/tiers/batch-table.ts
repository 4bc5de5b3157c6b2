import { BIGINT, DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { MovingRow } from '../catalog/moves.js';
import type { OperationConnection } from './operation-connection.js';

/** DuckDB's own size of a part. */
const PART_ROWS = 2_048;

/** Names the rows of a batch in a temporary table `batch`. As bytes: value by value each row takes the calling thread some microseconds. */
export async function nameBatch(connection: OperationConnection, rows: readonly MovingRow[]): Promise<void> {
  await connection.run('CREATE TEMP TABLE batch (row_id BIGINT, new_row_id BIGINT, ord BIGINT)');
  const appender = await connection.appendTo('batch');
  for (let from = 0; from < rows.length; from += PART_ROWS) {
    const part = rows.slice(from, from + PART_ROWS);
    const chunk = DuckDBDataChunk.create([BIGINT, BIGINT, BIGINT], part.length);
    for (const [column, name] of (['rowId', 'newRowId', 'ord'] as const).entries()) {
      const values = BigInt64Array.from(part, (row) => BigInt(row[name]));
      const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
      duckdb.copy_data_to_vector(vector, 0, values.buffer, 0, values.byteLength);
    }
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}
