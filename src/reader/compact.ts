import { rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { STORAGE_VERSION } from './convert.js';
import { SOURCE } from './database-file.js';
import { quoteText } from './sandbox.js';

/** Below, a copy spares too little for the file not to go up as the host has it. */
const MIN_FREE_BYTES = 8 * 2 ** 20;

/** Of all blocks. To copy a database takes a third of the time that compressing it does. */
const MIN_FREE_SHARE = 0.25;

/** What is written again takes 15 s a gigabyte, and its keys have to fit in a reader's memory. */
const MAX_USED_BYTES = 2 ** 30;

/**
 * Writes the attached database to a new file without the blocks that it has given up; returns whether it did. DuckDB writes a table's last 120,000
 * rows anew for each that is added and keeps the old ones' place in the file, contents and all: half of a host's file may be what was
 * there before, which each upload compresses and sends, and each ingest unpacks. Not done where that is little, nor where DuckDB cannot
 * copy something of the database: then the file goes up as it is. So it is no way to be rid of what was deleted on the host.
 */
export async function compact(connection: DuckDBConnection, output: string): Promise<boolean> {
  const reader = await connection.runAndReadAll(
    `SELECT total_blocks, free_blocks, block_size FROM pragma_database_size() WHERE database_name = ${quoteText(SOURCE)}`,
  );
  const [total = 0, free = 0, blockSize = 0] = (reader.getRows()[0] ?? []).map(Number);
  if (free * blockSize < MIN_FREE_BYTES || free < total * MIN_FREE_SHARE) return false;
  if ((total - free) * blockSize > MAX_USED_BYTES) return false;
  await connection.run(
    `ATTACH ${quoteText(output)} AS compacted (TYPE duckdb, STORAGE_VERSION ${quoteText(STORAGE_VERSION)})`,
  );
  const copied = await connection.run(`COPY FROM DATABASE ${SOURCE} TO compacted`).then(
    () => true,
    () => false,
  );
  await connection.run('DETACH compacted');
  if (!copied) await rm(output);
  return copied;
}
