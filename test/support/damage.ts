import { open } from 'node:fs/promises';
import { withDuckDB } from './databases.js';

/** DuckDB's file: three headers, then blocks of 256 KiB, each with a checksum of all that is in it. */
const HEADER_BYTES = 3 * 4_096;
const BLOCK_BYTES = 2 ** 18;
/** Anywhere behind a block's checksum. */
const WITHIN = 100;

/**
 * Changes a byte in each block that holds rows of a DuckDB file that nobody has open: it opens as before, and its rows cannot be read. Raises where no
 * block holds any: rows that only its log has are whole.
 */
export async function damageRows(file: string): Promise<void> {
  const blocks = await rowBlocks(file);
  if (blocks.length === 0) throw new Error(`${file} has no block with rows`);
  const handle = await open(file, 'r+');
  try {
    for (const block of blocks) {
      const at = HEADER_BYTES + block * BLOCK_BYTES + WITHIN;
      const byte = Buffer.alloc(1);
      await handle.read(byte, 0, 1, at);
      // Never what it was before, however often this is done.
      await handle.write(Buffer.from([((byte[0] ?? 0) + 1) % 256]), 0, 1, at);
    }
  } finally {
    await handle.close();
  }
}

async function rowBlocks(file: string): Promise<number[]> {
  return withDuckDB(async (connection) => {
    const blocks = new Set<number>();
    const tables = await connection.runAndReadAll('SELECT table_name FROM duckdb_tables()');
    for (const [table] of tables.getRows()) {
      const found = await connection.runAndReadAll(
        `SELECT DISTINCT block_id FROM pragma_storage_info('${String(table)}') WHERE persistent AND block_id >= 0`,
      );
      for (const [block] of found.getRows()) blocks.add(Number(block));
    }
    return [...blocks];
  }, file);
}
