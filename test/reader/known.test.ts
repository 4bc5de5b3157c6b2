import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../src/memory/index.js';
import { makeDatabase, query } from '../support/databases.js';
import { sharedPool, temporaryFolder, TIMES } from './support.js';

const TABLE = 'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)';
const LEGACY = 'CREATE TABLE conversations(id VARCHAR, content VARCHAR)';

const pool = sharedPool();

async function database(...statements: string[]): Promise<string> {
  const path = join(await temporaryFolder(), 'source.duckdb');
  await makeDatabase(path, ...statements);
  return path;
}

interface Known {
  pid: number;
  id: string;
  content: string;
}

/** Reads databases, by their labels, whose store has these conversations. */
async function read(databases: Readonly<Record<string, string>>, known: readonly Known[]) {
  const folder = await temporaryFolder();
  const [list, output] = [join(folder, 'known.csv'), join(folder, 'rows.parquet')];
  const lines = known.map(({ pid, id, content }) => {
    const hash = contentHash('conversation', { content });
    return `${pid},conversation,${hash},${Buffer.from(id).toString('hex').toUpperCase()}\n`;
  });
  await writeFile(list, lines.join(''));
  const result = await pool().readDatabases({
    ...TIMES,
    databases: Object.entries(databases).map(([label, stored]) => ({ label, stored })),
    output,
    known: list,
  });
  const written = await query(`SELECT memory_id AS id, content FROM '${output}' ORDER BY ALL`);
  return { ...result, written };
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const insert = (table: string, id: string, content: string): string =>
  `INSERT INTO ${table} VALUES (${quoted(id)}, ${quoted(content)})`;

describe('of a database whose memories the store has', () => {
  it('only what is new or changed is written, and of the list is told what it lacks', async () => {
    const stored = await database(
      TABLE,
      `INSERT INTO conversations_v2 SELECT i, 'text ' || i FROM range(1000) AS t(i)`,
      insert('conversations_v2', 'new', 'new'),
      `UPDATE conversations_v2 SET content = 'changed' WHERE id = '7'`,
      `INSERT INTO conversations_v2 VALUES (NULL, 'without an id'), ('empty', NULL)`,
    );
    const known = Array.from({ length: 1000 }, (_, i) => ({
      pid: 5000 + i,
      id: String(i),
      content: `text ${i}`,
    }));
    const { written, ...result } = await read({ 'a.duckdb': stored }, [
      ...known,
      { pid: 9999, id: 'deleted', content: 'no more' },
    ]);
    expect(written).toEqual([
      { id: '7', content: 'changed' },
      { id: 'new', content: 'new' },
    ]);
    expect(result).toMatchObject({
      rows: 2,
      keys: [{ memoryId: '7' }, { memoryId: 'new' }],
      databases: [{ rows: { conversation: 1001 }, skipped: { conversation: 2 } }],
    });
    expect(result.missing?.toSorted()).toEqual([5007, 9999]);
  });

  it('nothing is written where all of it is unchanged', async () => {
    const stored = await database(TABLE, insert('conversations_v2', 'a', 'x'));
    const result = await read({ 'a.duckdb': stored }, [{ pid: 1, id: 'a', content: 'x' }]);
    expect(result).toMatchObject({ rows: 0, keys: [], missing: [], written: [] });
  });

  it.each([
    'with , and "quotes"',
    'of two\nlines',
    'of two\r\nlines',
    '\r',
    '',
    ' spaces ',
    'null',
    "l'été 🐘",
  ])('an id is what it is: %j', async (id) => {
    const stored = await database(TABLE, insert('conversations_v2', `a${id}`, 'x'));
    const known = [
      { pid: 1, id: `a${id}`, content: 'x' },
      { pid: 2, id: 'b', content: 'x' },
    ];
    expect(await read({ 'a.duckdb': stored }, known)).toMatchObject({ rows: 0, missing: [2] });
  });

  it('a text that another memory has, and a memory of another kind, are not the same', async () => {
    const stored = await database(
      TABLE,
      insert('conversations_v2', 'a', 'x'),
      'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR)',
      insert('reflections_v2', 'b', 'x'),
    );
    const known = [{ pid: 1, id: 'b', content: 'x' }];
    expect(await read({ 'a.duckdb': stored }, known)).toMatchObject({ rows: 2, missing: [1] });
  });

  it('what the newer table says counts, also where the legacy one says what the store has', async () => {
    const stored = await database(
      TABLE,
      LEGACY,
      insert('conversations', 'a', 'old'),
      insert('conversations_v2', 'a', 'newer'),
      insert('conversations', 'b', 'older'),
      insert('conversations_v2', 'b', 'same'),
    );
    const known = [
      { pid: 1, id: 'a', content: 'old' },
      { pid: 2, id: 'b', content: 'same' },
    ];
    expect(await read({ 'a.duckdb': stored }, known)).toMatchObject({
      rows: 1,
      written: [{ id: 'a', content: 'newer' }],
      missing: [1],
    });
  });

  it('of two databases the row counts that has the better rank, whichever of them the store has', async () => {
    const legacy = await database(
      LEGACY,
      insert('conversations', 'a', 'legacy'),
      insert('conversations', 'b', 'legacy'),
      insert('conversations', 'only', 'legacy'),
    );
    const newer = await database(
      TABLE,
      insert('conversations_v2', 'a', 'newer'),
      insert('conversations_v2', 'b', 'newer'),
    );
    const known = [
      { pid: 1, id: 'a', content: 'legacy' },
      { pid: 2, id: 'b', content: 'newer' },
      { pid: 3, id: 'only', content: 'legacy' },
      { pid: 4, id: 'gone', content: 'legacy' },
    ];
    const result = await read({ '1.duckdb': legacy, '2.duckdb': newer }, known);
    expect(result).toMatchObject({ rows: 1, written: [{ id: 'a', content: 'newer' }] });
    expect(result.missing?.toSorted()).toEqual([1, 4]);
  });

  it('one whose table has a column called rowid is written whole', async () => {
    const stored = await database(
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, "RowId" INTEGER)',
      `INSERT INTO conversations_v2 VALUES ('a', 'x', 1), ('b', 'y', 1)`,
    );
    const known = [{ pid: 1, id: 'a', content: 'x' }];
    expect(await read({ 'a.duckdb': stored }, known)).toMatchObject({ rows: 2, missing: null });
    const other = await database(LEGACY, insert('conversations', 'c', 'z'));
    const more = [...known, { pid: 2, id: 'c', content: 'z' }];
    expect(await read({ 'a.duckdb': stored, 'b.duckdb': other }, more)).toMatchObject({
      rows: 2,
      missing: [1],
    });
  });
});
