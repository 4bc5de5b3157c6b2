import type { DuckDBConnection } from '@duckdb/node-api';
import { BATCH_COLUMNS } from '../memory/index.js';
import { PARQUET } from './parquet.js';
import { quoteText } from './sandbox.js';

/** The rows of one database of an upload, and what the upload calls it. */
export interface ExportedFile {
  path: string;
  name: string;
}

/**
 * Makes one Parquet of `BATCH_COLUMNS` out of the exports of one upload, one row per key, in their order, and returns how many. Where two
 * files hold a memory, the lower source rank wins, then the file name that sorts first.
 *
 * In two passes: the first sees keys and no texts or vectors, which sorted along would take more memory than a reader has.
 */
export async function mergeExports(
  connection: DuckDBConnection,
  inputs: readonly ExportedFile[],
  output: string,
): Promise<number> {
  await connection.run(winnersSql(inputs));
  await connection.run(`COPY (${mergeSql(inputs)}) TO ${quoteText(output)} ${PARQUET}`);
  const reader = await connection.runAndReadAll(`SELECT count(*) FROM winners`);
  await connection.run('DROP TABLE winners');
  return Number(reader.getRows()[0]?.[0]);
}

/** A table of the one row of each key: in which input, and at which place in it. */
function winnersSql(inputs: readonly ExportedFile[]): string {
  const keys = inputs.map(
    ({ path, name }, input) =>
      `SELECT kind, memory_id, source_rank, hash, ${quoteText(name)} AS file_name, ${input} AS input, file_row_number AS place
       FROM read_parquet(${quoteText(path)}, file_row_number = true)`,
  );
  return `
    CREATE TEMP TABLE winners AS
    SELECT input, place FROM (${keys.join(' UNION ALL ')})
    QUALIFY row_number() OVER (PARTITION BY kind, memory_id ORDER BY source_rank, file_name, hash, place) = 1`;
}

function mergeSql(inputs: readonly ExportedFile[]): string {
  const columns = Object.entries(BATCH_COLUMNS).map(([name, type]) => `CAST(${name} AS ${type}) AS ${name}`);
  const sources = inputs.map(
    ({ path }, input) =>
      `SELECT ${columns.join(', ')} FROM read_parquet(${quoteText(path)}, file_row_number = true)
       WHERE file_row_number IN (SELECT place FROM winners WHERE input = ${input})`,
  );
  return sources.join(' UNION ALL ');
}
