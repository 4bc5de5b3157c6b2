import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeDatabase, SAMPLES } from '../support/databases.js';
import { sharedPool, temporaryFolder } from './support.js';

const pool = sharedPool();

const TABLE = 'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, access_count INTEGER)';
const ROWS = `INSERT INTO conversations_v2 VALUES ('a', 'one', 1), ('b', 'two', 2), ('c', NULL, 3)`;

async function digestOf(...statements: string[]): Promise<string> {
  const folder = await temporaryFolder();
  const database = join(folder, 'x.duckdb');
  await makeDatabase(database, ...statements);
  return (await pool().snapshotDatabase({ database, folder, name: 'stored' })).rowsDigest;
}

it('is the same whatever the order of rows, the counters, other tables and free blocks', async () => {
  const digest = await digestOf(TABLE, ROWS);
  expect(
    await digestOf(
      TABLE,
      `INSERT INTO conversations_v2 VALUES ('c', NULL, 30), ('gone', 'gone', 0), ('b', 'two', 20), ('a', 'one', 10)`,
      'CHECKPOINT',
      `DELETE FROM conversations_v2 WHERE id = 'gone'`,
      'CREATE TABLE session_windows AS SELECT 1 AS i',
    ),
  ).toBe(digest);
});

it.each([
  ['a text', `UPDATE conversations_v2 SET content = 'Two' WHERE id = 'b'`],
  ['a null that became a text', `UPDATE conversations_v2 SET content = '' WHERE id = 'c'`],
  ['an id', `UPDATE conversations_v2 SET id = 'd' WHERE id = 'c'`],
  ['a row that is gone', `DELETE FROM conversations_v2 WHERE id = 'b'`],
  ['a row that stands twice', `INSERT INTO conversations_v2 SELECT * FROM conversations_v2 WHERE id = 'b'`],
  [
    'the kind',
    `CREATE TABLE reflections_v2 AS SELECT id, content FROM conversations_v2; DELETE FROM conversations_v2`,
  ],
])('differs by %s', async (_what, ...change) => {
  expect(await digestOf(TABLE, ROWS, ...change)).not.toBe(await digestOf(TABLE, ROWS));
});

it('is that of the bytes where a column is not what its name says', async () => {
  const wrong = 'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, importance_score VARCHAR)';
  const digest = await digestOf(wrong, `INSERT INTO conversations_v2 VALUES ('1', 'x', 'very')`);
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(await digestOf(wrong, `INSERT INTO conversations_v2 VALUES ('1', 'y', 'very')`)).not.toBe(digest);
});

it('of a sample is what it was: a host compares it with one of an earlier version of the program', async () => {
  const folder = await temporaryFolder();
  const { rowsDigest } = await pool().snapshotDatabase({
    database: join(SAMPLES, 'knowledge_graph.duckdb'),
    folder,
    name: 'x',
  });
  expect(rowsDigest).toBe('5b60619dcffd1b42094ee2905dfd8112bbc70b547e4be8d0470f02fc29a38937');
});
