import type { DuckDBConnection } from '@duckdb/node-api';
import { KINDS, type Kind } from '../contract/index.js';
import { KIND_DEFINITIONS } from '../memory/index.js';
import { SOURCE } from './database-file.js';
import { quoteName, quoteText } from './sandbox.js';

/** A table of the attached file that holds memories. */
export interface KnownTable {
  kind: Kind;
  rank: number;
  /** Quoted and with its catalog, ready for a FROM. */
  from: string;
  name: string;
  /** DuckDB types by column name in lower case, as SQL compares names; in the table's order. */
  columns: ReadonlyMap<string, string>;
}

/**
 * The tables of `KIND_DEFINITIONS` that the attached file has, in order of kind and rank. Base tables of the
 * schema `main` only: a view's text is the writer's and could name anything.
 */
export async function knownTables(
  connection: DuckDBConnection,
  database: string = SOURCE,
): Promise<KnownTable[]> {
  const columns = await readColumns(connection, database);
  return KINDS.flatMap((kind) =>
    KIND_DEFINITIONS[kind].tables.flatMap(({ name, rank }) => {
      const found = columns.get(name);
      return found === undefined
        ? []
        : [{ kind, rank, name, columns: found, from: tableName(database, name) }];
    }),
  );
}

function tableName(database: string, name: string): string {
  return `${database}.main.${quoteName(name)}`;
}

async function readColumns(
  connection: DuckDBConnection,
  database: string,
): Promise<Map<string, Map<string, string>>> {
  const names = KINDS.flatMap((kind) => KIND_DEFINITIONS[kind].tables.map((table) => quoteText(table.name)));
  const reader = await connection.runAndReadAll(
    `SELECT lower(c.table_name), lower(c.column_name), c.data_type
     FROM duckdb_columns() AS c JOIN duckdb_tables() AS t USING (database_name, schema_name, table_name)
     WHERE c.database_name = ${quoteText(database)} AND c.schema_name = 'main' AND NOT c.internal
       AND lower(c.table_name) IN (${names.join(', ')})
     ORDER BY c.table_name, c.column_index`,
  );
  const tables = new Map<string, Map<string, string>>();
  for (const [table, column, type] of reader.getRows()) {
    const columns = tables.get(String(table)) ?? new Map<string, string>();
    tables.set(String(table), columns.set(String(column), String(type)));
  }
  return tables;
}

/** Rows of the known tables, per kind. */
export async function countRows(
  connection: DuckDBConnection,
  tables: readonly KnownTable[],
): Promise<Partial<Record<Kind, number>>> {
  const rows: Partial<Record<Kind, number>> = {};
  for (const { kind, from } of tables) {
    const reader = await connection.runAndReadAll(`SELECT count(*) FROM ${from}`);
    rows[kind] = (rows[kind] ?? 0) + Number(reader.getRows()[0]?.[0]);
  }
  return rows;
}
