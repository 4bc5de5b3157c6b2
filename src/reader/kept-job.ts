import { rm } from 'node:fs/promises';
import { STORAGE_VERSION } from './convert.js';
import type { KeptJob, KeptResult, KeptTable } from './messages.js';
import { tryDigest } from './rows-digest.js';
import { quoteName, quoteText, withSandbox } from './sandbox.js';
import { countRows, knownTables } from './source-schema.js';

/** Room for the rows once more, as DuckDB keeps them while it writes the file. */
const MAX_SPILL_BYTES = 8 * 1024 ** 3;

const KEPT = 'kept';

/**
 * Makes a new database of the memories that are not excluded. DuckDB writes whatever its memory held into the gaps of a block, so this
 * must run in a process that never had an excluded memory in its own.
 */
export async function assembleKept({ tables, output, memoryLimitMb, work }: KeptJob): Promise<KeptResult> {
  // What an attempt before this one may have left.
  await rm(output, { force: true });
  const sandbox = { folder: work, memoryLimitMb, maxSpillBytes: MAX_SPILL_BYTES };
  return withSandbox(sandbox, async (connection) => {
    await connection.run(
      `ATTACH ${quoteText(output)} AS ${KEPT} (TYPE duckdb, STORAGE_VERSION ${quoteText(STORAGE_VERSION)})`,
    );
    for (const table of tables) await connection.run(createTableSql(table));
    const kept = await knownTables(connection, KEPT);
    const rows = await countRows(connection, kept);
    const rowsDigest = await tryDigest(connection, kept);
    await connection.run(`DETACH ${KEPT}`);
    return { rows, rowsDigest };
  });
}

function createTableSql({ name, path, columns }: KeptTable): string {
  const casts = columns.map(
    (column) => `CAST(${quoteName(column.name)} AS ${column.type}) AS ${quoteName(column.name)}`,
  );
  return (
    `CREATE TABLE ${KEPT}.main.${quoteName(name)} AS SELECT ${casts.join(', ')} ` +
    `FROM read_parquet(${quoteText(path)})`
  );
}
