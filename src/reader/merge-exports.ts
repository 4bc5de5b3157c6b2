import type { DuckDBConnection } from '@duckdb/node-api';
import { BATCH_COLUMNS } from '../memory/index.js';
import { loadKnown, missingBut, type PassedRows } from './known-rows.js';
import { PARQUET } from './parquet.js';
import { quoteText } from './sandbox.js';

/** The rows of one database of an upload, and what the upload calls it. */
export interface ExportedFile {
  path: string;
  name: string;
  /** What is not in it, because the store has it; null where that is nothing. */
  passed: PassedRows | null;
}

export interface MergedRows {
  rows: number;
  /** Of the list of what the store has, what the upload does not have like that; null without a list. */
  missing: number[] | null;
}

/**
 * Makes one Parquet of `BATCH_COLUMNS` out of the exports of one upload, one row per key, in their order, and returns how many. Where two
 * files hold a memory, the lower source rank wins, then the file name that sorts first; where what wins stands in the list `known`, no row
 * is written.
 *
 * In two passes: the first sees keys and no texts or vectors, which sorted along would take more memory than a reader has.
 */
export async function mergeExports(
  connection: DuckDBConnection,
  inputs: readonly ExportedFile[],
  output: string,
  known?: string,
): Promise<MergedRows> {
  if (known !== undefined) await loadKnown(connection, known);
  await connection.run(winnersSql(inputs));
  await connection.run(`COPY (${mergeSql(inputs)}) TO ${quoteText(output)} ${PARQUET}`);
  const reader = await connection.runAndReadAll(`SELECT count(*) FROM winners WHERE pid IS NULL`);
  return {
    rows: Number(reader.getRows()[0]?.[0]),
    missing: known === undefined ? null : await missingBut(connection, 'winners'),
  };
}

/** A table of the one row of each key: in which input, and at which place in it, or its number in the list of what the store has. */
function winnersSql(inputs: readonly ExportedFile[]): string {
  const keys = inputs.flatMap(({ path, name, passed }, input) => {
    const from = `${quoteText(name)} AS file_name, ${input} AS input`;
    return [
      `SELECT kind, memory_id, source_rank, hash, ${from}, file_row_number AS place, NULL::BIGINT AS pid
       FROM read_parquet(${quoteText(path)}, file_row_number = true)`,
      ...(passed === null
        ? []
        : [
            `SELECT kind, memory_id, source_rank, hash, ${from}, NULL AS place, pid
             FROM read_parquet(${quoteText(passed.path)}) JOIN known USING (pid)`,
          ]),
    ];
  });
  return `
    CREATE TEMP TABLE winners AS
    SELECT input, place, pid FROM (${keys.join(' UNION ALL ')})
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
