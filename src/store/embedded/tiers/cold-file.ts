import { literal } from './tables.js';

/**
 * Writes the rows of a query, in order of time, as the file of a cold object: a search by time reads the row groups that their statistics
 * do not exclude.
 */
export function writeColdSql(query: string, path: string): string {
  return `COPY (SELECT * FROM (${query}) ORDER BY own_time, row_id) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`;
}
