import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf, withoutValues } from '../contract/index.js';
import { KNOWN_COLUMNS } from '../memory/index.js';
import { exportSql, placesSql, type ReadTimes } from './export-sql.js';
import { PARQUET } from './parquet.js';
import { readerFailed } from './reader-failed.js';
import { quoteText } from './sandbox.js';
import type { KnownTable } from './source-schema.js';

/** What a database has of the memories that the store has as they are: those are not among the rows written out. */
export interface PassedRows {
  /** A Parquet of them, with `pid` and `source_rank`. */
  path: string;
  /** Of the list, what the database does not have like that; null where a memory stands in it twice, and the merge has to tell. */
  missing: number[] | null;
}

/** Makes the temporary table `known` of a list of `KNOWN_COLUMNS`. Raises `ReaderFailed` of the machine where that is none. */
export async function loadKnown(connection: DuckDBConnection, list: string): Promise<void> {
  const columns = Object.entries(KNOWN_COLUMNS).map(([name, type]) => `${name}: ${quoteText(type)}`);
  try {
    await connection.run(
      `CREATE TEMP TABLE known AS SELECT pid, kind, hash, decode(unhex(memory_id_hex)) AS memory_id
       FROM read_csv(${quoteText(list)}, auto_detect = false, header = false, delim = ',', quote = '', escape = '',
         columns = {${columns.join(', ')}})`,
    );
  } catch (error) {
    // No fault of the upload's, which must not go to quarantine for it.
    throw readerFailed(`the list of what the store has: ${withoutValues(messageOf(error))}`, {
      machine: true,
      cause: error,
    });
  }
}

/** Whether DuckDB's own numbers tell the rows of all tables apart: a column of that name would hide them. */
export function havePlaces(tables: readonly KnownTable[]): boolean {
  return tables.every(({ columns }) => !columns.has('rowid'));
}

/**
 * Compares the rows of the attached file with the list by key and content hash, into the temporary table `matched`: a row with `pid` is
 * known. Returns how many can be kept of each kind. Neither texts nor vectors are taken up: a hash costs a tenth of a row written out.
 */
export async function matchKnown(
  connection: DuckDBConnection,
  tables: readonly KnownTable[],
  list: string,
): Promise<Map<string, number>> {
  await loadKnown(connection, list);
  await connection.run(
    `CREATE TEMP TABLE matched AS SELECT s.* EXCLUDE (hash), k.pid FROM (${placesSql(tables)}) AS s
     LEFT JOIN known AS k ON k.hash = s.hash AND k.memory_id = s.memory_id AND k.kind = s.kind`,
  );
  const reader = await connection.runAndReadAll('SELECT kind, count(*) FROM matched GROUP BY kind');
  return new Map(reader.getRows().map(([kind, count]) => [String(kind), Number(count)]));
}

/** As `exportSql`, of the rows that `matchKnown` found not to be known. */
export function unknownSql(tables: readonly KnownTable[], times: ReadTimes): string {
  return exportSql(
    tables,
    times,
    ({ name }) => `SELECT place FROM matched WHERE table_name = ${quoteText(name)} AND pid IS NULL`,
  );
}

/** Writes the known rows that `matchKnown` found to `path`. */
export async function writePassed(connection: DuckDBConnection, path: string): Promise<PassedRows> {
  await connection.run(
    `COPY (SELECT pid, source_rank FROM matched WHERE pid IS NOT NULL) TO ${quoteText(path)} ${PARQUET}`,
  );
  const reader = await connection.runAndReadAll(
    'SELECT count(DISTINCT (kind, memory_id)) = count(*) FROM matched',
  );
  const different = reader.getRows()[0]?.[0] === true;
  return { path, missing: different ? await missingBut(connection, 'matched') : null };
}

/** What of the list has no row in a table with `pid`. */
export async function missingBut(connection: DuckDBConnection, found: string): Promise<number[]> {
  const reader = await connection.runAndReadAll(`SELECT pid FROM known ANTI JOIN ${found} USING (pid)`);
  return reader.getRows().map(([pid]) => Number(pid));
}
