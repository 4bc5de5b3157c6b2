import { fileURLToPath } from 'node:url';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';

/** Session-Buddy's own databases, as a host has them. */
export const SAMPLES = fileURLToPath(new URL('../../samples/session-buddy', import.meta.url)).replace(
  /\/$/,
  '',
);

/** The same, written by DuckDB 2.0.0. */
export const SAMPLES_OF_DUCKDB_2 = fileURLToPath(
  new URL('../../samples/session-buddy-duckdb-2', import.meta.url),
).replace(/\/$/, '');

/** Runs `work` on a DuckDB, by default one in memory, and closes it: a file is checkpointed then. */
export async function withDuckDB<T>(
  work: (connection: DuckDBConnection) => Promise<T>,
  path = ':memory:',
): Promise<T> {
  const instance = await DuckDBInstance.create(path);
  try {
    const connection = await instance.connect();
    try {
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

/** Makes a database file by SQL. */
export async function makeDatabase(path: string, ...statements: string[]): Promise<void> {
  await withDuckDB(async (connection) => {
    for (const statement of statements) await connection.run(statement);
  }, path);
}

/** The rows of a query, as plain JSON. `attached` are database files by the name that the query gives them. */
export async function query(
  sql: string,
  attached: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>[]> {
  return withDuckDB(async (connection) => {
    for (const [name, path] of Object.entries(attached)) {
      await connection.run(`ATTACH '${path.replaceAll("'", "''")}' AS ${name} (READ_ONLY)`);
    }
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  });
}
