import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeDatabase, query } from '../support/databases.js';
import { openPool, sharedPool, temporaryFolder } from './support.js';
import type { ReaderPool } from '../../src/reader/index.js';

/** Exports databases and merges them under these names. Returns the path of the merged rows. */
async function merge(
  pool: ReaderPool,
  databases: readonly { stored: string; name: string }[],
): Promise<string> {
  const folder = await temporaryFolder();
  const inputs = [];
  for (const { stored, name } of databases) {
    const path = join(folder, `${inputs.length}.parquet`);
    await pool.exportDatabase({ stored, scratch: folder, output: path });
    inputs.push({ path, name });
  }
  const output = join(folder, 'rows.parquet');
  const times = { timeZone: 'UTC', uploadedAt: 0, asOf: 2_000_000_000_000 };
  await pool.mergeExports({ inputs, scratch: folder, output, ...times });
  return output;
}

async function database(...statements: string[]): Promise<string> {
  const path = join(await temporaryFolder(), 'source.duckdb');
  await makeDatabase(path, ...statements);
  return path;
}

describe('of a memory that stands more than once', () => {
  const pool = sharedPool();

  it('the row of the newer table is kept, then that of the file name that sorts first, and only that', async () => {
    const legacy = (text: string): string[] => [
      'CREATE TABLE conversations(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations VALUES ('a', '${text}'), ('b', '${text}'), ('only in ${text}', '${text}')`,
    ];
    const first = await database(...legacy('first'));
    const second = await database(
      ...legacy('second'),
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 VALUES ('b', 'of the newer table')`,
    );
    // Whatever order they come in.
    const named = [
      { stored: second, name: '2.duckdb' },
      { stored: first, name: '1.duckdb' },
    ];
    const rows = await merge(pool(), named);
    expect(await query(`SELECT memory_id, content FROM '${rows}' ORDER BY memory_id`)).toEqual([
      { memory_id: 'a', content: 'first' },
      { memory_id: 'b', content: 'of the newer table' },
      { memory_id: 'only in first', content: 'first' },
      { memory_id: 'only in second', content: 'second' },
    ]);
  });
});

describe('a database of more rows than fit in memory', () => {
  /** 70 MB of texts and vectors. */
  const ROWS = 20_000;
  const MEMORY_MB = 64;

  it('streams through export and merge', async () => {
    const stored = await database(
      `CREATE TABLE conversations_v2 (id VARCHAR PRIMARY KEY, content VARCHAR, embedding FLOAT[384], timestamp TIMESTAMP)`,
      `INSERT INTO conversations_v2
       SELECT md5(i::VARCHAR), repeat(md5(i::VARCHAR), 60), list_transform(range(384), lambda k: k / 384)::FLOAT[384],
         TIMESTAMP '2026-01-01' FROM range(${ROWS}) AS t(i)`,
    );
    const rows = await merge(openPool({ memoryLimitMb: MEMORY_MB }), [{ stored, name: 'reflection.duckdb' }]);
    expect(
      await query(`SELECT count(*)::INTEGER AS rows, count(embedding)::INTEGER AS vectors FROM '${rows}'`),
    ).toEqual([{ rows: ROWS, vectors: ROWS }]);
  });
});
