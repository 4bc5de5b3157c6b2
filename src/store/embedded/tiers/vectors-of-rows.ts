import duckdb from '@duckdb/node-bindings';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import { qualified, type TableRows, type TableTier } from './tables.js';
import type { TierDatabase } from './tier-database.js';

/** Vectors of rows, in the form of their tier, one after the other in the order of the row ids. */
export interface RowVectors {
  rowIds: number[];
  components: Float32Array<ArrayBuffer> | Int8Array<ArrayBuffer>;
}

/**
 * The vectors of those rows of a tier that have one. As bytes, by DuckDB's own binding: through the values of its interface for JavaScript each
 * row would hold up the calling thread for 10 to 40 microseconds, now for a quarter of one.
 */
export async function vectorsOfRows(
  tiers: TierDatabase,
  tier: TableTier,
  tables: readonly TableRows[],
): Promise<RowVectors> {
  const isHot = tier === 'hot';
  return tiers.read(async (connection) => {
    const result = await connection.run(vectorsSql(tables, isHot ? 'embedding' : 'vector'));
    const found: number[] = [];
    const parts: Uint8Array[] = [];
    for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0;) {
      for (const id of chunk.getColumnValues(0)) found.push(Number(id));
      parts.push(arrayBytes(chunk.chunk, 1, chunk.rowCount * EMBEDDING_DIMENSIONS * (isHot ? 4 : 1)));
      chunk = await result.fetchChunk();
    }
    const bytes = Uint8Array.from(Buffer.concat(parts)).buffer;
    return { rowIds: found, components: isHot ? new Float32Array(bytes) : new Int8Array(bytes) };
  });
}

/**
 * Of each table the span in which its rows lie, and of all these rows those that are wanted: what was ingested lately lies together, and a list of ids for
 * each table takes DuckDB longer to plan than the rows to read, three times the CPU for some hundred rows of a year.
 */
function vectorsSql(tables: readonly TableRows[], column: 'embedding' | 'vector'): string {
  const spans = tables.map(
    ({ table, rowIds }) =>
      `SELECT row_id, ${column} FROM ${qualified(table)} WHERE row_id BETWEEN ${Math.min(...rowIds)} AND ${Math.max(...rowIds)}`,
  );
  const ids = tables.flatMap(({ rowIds }) => rowIds);
  return `WITH wanted AS MATERIALIZED (SELECT unnest([${ids.join(', ')}]::BIGINT[]) AS id)
    SELECT row_id, ${column} FROM (${spans.join(' UNION ALL ')}) SEMI JOIN wanted ON id = row_id WHERE ${column} IS NOT NULL`;
}

/** What a column of arrays holds, as it lies in memory. */
export function arrayBytes(chunk: duckdb.DataChunk, column: number, bytes: number): Uint8Array {
  const child = duckdb.array_vector_get_child(duckdb.data_chunk_get_vector(chunk, column));
  return duckdb.vector_get_data(child, bytes);
}

/** Copied, because floats must begin at a multiple of four. */
export function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
