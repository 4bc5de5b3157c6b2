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

/** One table after the other: `duckdb_columns()` takes twenty times as long, because it binds all views of every attached database. */
async function readColumns(
  connection: DuckDBConnection,
  database: string,
): Promise<Map<string, Map<string, string>>> {
  const names = KINDS.flatMap((kind) => KIND_DEFINITIONS[kind].tables.map((table) => quoteText(table.name)));
  const found = await connection.runAndReadAll(
    `SELECT table_name FROM duckdb_tables() WHERE database_name = ${quoteText(database)} AND schema_name = 'main' AND NOT internal
       AND lower(table_name) IN (${names.join(', ')}) ORDER BY table_name`,
  );
  const tables = new Map<string, Map<string, string>>();
  for (const [name] of found.getRows()) {
    const columns = await connection.runAndReadAll(`DESCRIBE ${tableName(database, String(name))}`);
    const types = columns
      .getRows()
      .map(([column, type]) => [asciiLower(String(column)), String(type)] as const);
    tables.set(asciiLower(String(name)), new Map(types));
  }
  return tables;
}

/** As SQL compares names: of no other letters does it look past the case. */
function asciiLower(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
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
