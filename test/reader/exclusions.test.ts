import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Exclusions } from '../../src/reader/index.js';
import { makeDatabase, query, SAMPLES } from '../support/databases.js';
import { gunzipTo, openPool, sharedPool, temporaryFolder } from './support.js';

const pool = sharedPool();

const NOTHING: Exclusions = { projects: [], kinds: [], categories: [], patterns: [] };

async function take(database: string, exclude: Partial<Exclusions>) {
  const folder = await temporaryFolder();
  const request = { database, folder, name: 'stored', exclude: { ...NOTHING, ...exclude } };
  const snapshot = await pool().snapshotDatabase(request);
  expect(await readdir(folder)).toEqual(['stored']);
  const raw = join(folder, 'raw');
  await gunzipTo(snapshot.path, raw);
  const rows = (sql: string) => query(sql, { a: raw });
  const ids = async (table: string) =>
    (await rows(`SELECT id FROM a.${table} ORDER BY id`)).map(({ id }) => id);
  return { snapshot, raw, rows, ids };
}

async function databaseOf(...statements: string[]): Promise<string> {
  const database = join(await temporaryFolder(), 'x.duckdb');
  await makeDatabase(database, ...statements);
  return database;
}

const CONVERSATIONS = [
  'CREATE TABLE conversations_v2(id VARCHAR PRIMARY KEY, content VARCHAR, project VARCHAR, category VARCHAR, metadata JSON, tags VARCHAR[])',
  `INSERT INTO conversations_v2 VALUES
     ('plain', 'a plain text', NULL, NULL, NULL, NULL),
     ('work', 'of work', 'work', 'facts', '{"k": 1}', ['one', NULL]),
     ('home', 'of home', 'home', 'skills', '{"key": "sk-123"}', ['two', 'three'])`,
];

describe('a memory stays on the host', () => {
  it.each<[string, Partial<Exclusions>, string[]]>([
    ['by its project', { projects: ['home', 'none'] }, ['plain', 'work']],
    ['by its category', { categories: ['facts'] }, ['home', 'plain']],
    ['by a pattern in its content', { patterns: ['^of w'] }, ['home', 'plain']],
    ['by a pattern in any other text of it', { patterns: ['sk-[0-9]+'] }, ['plain', 'work']],
    ['by a pattern in an element of a list', { patterns: ['^tw.$'] }, ['plain', 'work']],
    [
      'by a pattern of RE2 that other engines do not have',
      { patterns: ['(?i)^A PLAIN\\z'] },
      ['home', 'plain', 'work'],
    ],
    ['by several of these', { projects: ['home'], categories: ['facts'], patterns: ['zzz'] }, ['plain']],
    [
      'by none, without a project and a category',
      { projects: [''], categories: [''] },
      ['home', 'plain', 'work'],
    ],
  ])('%s', async (_why, exclude, kept) => {
    const { snapshot, ids } = await take(await databaseOf(...CONVERSATIONS), exclude);
    expect(await ids('conversations_v2')).toEqual(kept);
    expect(snapshot.rows).toEqual({ conversation: kept.length });
    expect(snapshot.excluded).toEqual(kept.length === 3 ? {} : { conversation: 3 - kept.length });
  });

  it('by its kind, whose tables are left out whole', async () => {
    const database = join(SAMPLES, 'reflection.duckdb');
    const { snapshot, rows } = await take(database, { kinds: ['reflection'] });
    expect(snapshot).toMatchObject({ rows: { conversation: 208 }, excluded: { reflection: 104 } });
    // Of the nineteen tables that the source has.
    expect(await rows('SELECT table_name FROM duckdb_tables()')).toEqual([
      { table_name: 'conversations_v2' },
    ]);
  });

  it('in all tables of its kind, whichever of them says why', async () => {
    const database = await databaseOf(
      ...CONVERSATIONS,
      'CREATE TABLE conversations(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations VALUES ('home', 'an older text'), ('other', 'o'), (NULL, 'n')`,
    );
    const { snapshot, ids } = await take(database, { projects: ['home'] });
    expect(await ids('conversations')).toEqual(['other', null]);
    expect(snapshot).toMatchObject({ rows: { conversation: 4 }, excluded: { conversation: 2 } });
  });

  it('with an entity of its, if it is a relation', async () => {
    const database = await databaseOf(
      'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR, observations VARCHAR[])',
      `INSERT INTO kg_entities VALUES ('a', 'Ada', []), ('b', 'Ben', ['knows the secret']), ('c', 'Cy', NULL)`,
      'CREATE TABLE kg_relationships(id VARCHAR, from_entity VARCHAR, to_entity VARCHAR, relation_type VARCHAR)',
      `INSERT INTO kg_relationships VALUES ('ab', 'a', 'b', 'k'), ('ba', 'b', 'a', 'k'), ('ac', 'a', 'c', 'k'), ('ax', 'a', 'x', NULL)`,
    );
    const { snapshot, ids } = await take(database, { patterns: ['secret'] });
    expect(await ids('kg_entities')).toEqual(['a', 'c']);
    expect(await ids('kg_relationships')).toEqual(['ac', 'ax']);
    expect(snapshot.excluded).toEqual({ entity: 1, relation: 2 });
    expect((await take(database, { kinds: ['entity'] })).snapshot).toMatchObject({
      rows: { relation: 0 },
      excluded: { entity: 3, relation: 4 },
    });
  });
});

describe('what is excluded', () => {
  /** Texts of each length that DuckDB keeps in a way of its own: in the row, in a segment, in blocks of their own. */
  const texts = (marker: string) => [
    marker,
    `${marker} ${'x'.repeat(500)}`,
    `${marker} ${'y '.repeat(200_000)}`,
  ];

  it('stands nowhere in the file, nor does anything of other tables', async () => {
    const values = (marker: string, project: string) =>
      texts(marker).map(
        (text, at) => `('${project}-${at}', '${text} ${marker}', '${project}', '{"${marker}": 1}')`,
      );
    const database = await databaseOf(
      // As it is, so that it could be found.
      `SET force_compression = 'uncompressed'`,
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, project VARCHAR, metadata JSON)',
      `INSERT INTO conversations_v2 VALUES ${[...values('SECRETTEXT', 'hidden'), ...values('PUBLICTEXT', 'open')].join(', ')}`,
      `INSERT INTO conversations_v2 SELECT i::VARCHAR, 'SECRETTEXT ' || md5(i::VARCHAR), 'hidden', NULL FROM range(3000) t(i)`,
      `INSERT INTO conversations_v2 SELECT i::VARCHAR, 'PUBLICTEXT ' || md5(i::VARCHAR), 'open', NULL FROM range(3000, 6000) t(i)`,
      // Reads as a table of the program's, and is another's.
      `CREATE TABLE session_windows AS SELECT 'SECRETTEXT' AS content`,
      `CREATE VIEW notes AS SELECT 'SECRETTEXT' AS content`,
    );
    const found = async (file: string, text: string) => (await readFile(file)).includes(text);
    expect(await found(database, 'SECRETTEXT')).toBe(true);
    const whole = await take(database, { projects: ['none'] });
    expect(await found(whole.raw, 'SECRETTEXT')).toBe(true);

    const { snapshot, raw } = await take(database, { projects: ['hidden'] });
    expect(snapshot).toMatchObject({
      rows: { conversation: 3003 },
      excluded: { conversation: 3003 },
      logs: [],
    });
    expect(await found(raw, 'PUBLICTEXT')).toBe(true);
    expect(await found(raw, 'SECRETTEXT')).toBe(false);
    expect(await found(raw, 'hidden')).toBe(false);
  });

  it('stands nowhere either where it came with the log', async () => {
    const database = join(SAMPLES, 'wal_fresh/reflection.duckdb');
    const [row] = await query('SELECT content FROM a.conversations_v2 ORDER BY length(content) LIMIT 1', {
      a: database,
    });
    const text = String(row?.['content']);
    expect((await readFile(`${database}.wal`)).includes(text)).toBe(true);
    const { snapshot, raw } = await take(database, { kinds: ['conversation'] });
    expect(snapshot).toMatchObject({
      rows: { reflection: 104 },
      excluded: { conversation: 208 },
      logs: [],
    });
    expect((await readFile(raw)).includes(text)).toBe(false);
  });
});

describe('what is kept', () => {
  it('is what it was: one digest for the same rows, filtered or not', async () => {
    const database = join(SAMPLES, 'knowledge_graph.duckdb');
    const [filtered, plain] = [await take(database, { projects: ['none'] }), await take(database, {})];
    expect(filtered.snapshot.excluded).toEqual({});
    expect(filtered.snapshot.rowsDigest).toBe(plain.snapshot.rowsDigest);
  });

  it('keeps its types, but for enumerations, which would list what is excluded', async () => {
    const types = `
      a BOOLEAN, b HUGEINT, c DECIMAL(30, 5), d TIMESTAMP WITH TIME ZONE, e UUID, f BLOB, g FLOAT[3], h STRUCT(x INTEGER, y VARCHAR[]),
      i JSON, j INTERVAL, k TIMESTAMP, l MAP(VARCHAR, INTEGER), m ENUM('secret', 'open')`;
    const values = `true, 170141183460469231731687303715884105727, 1.23456, '2026-01-01 10:00:00+02', uuid(), '\\xAA'::BLOB, [1.5, 2, NULL],
      {x: 1, y: ['a', NULL]}, '{"z": [1, 2]}', INTERVAL 3 MONTH, 'infinity', MAP {'q': 1}, 'open'`;
    const database = await databaseOf(
      `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, ${types})`,
      `INSERT INTO conversations_v2 VALUES ('1', 'x', ${values})`,
      `INSERT INTO conversations_v2(id, content, m) VALUES ('2', 'gone', 'secret')`,
    );
    const { raw, rows } = await take(database, { patterns: ['^gone$'] });
    const read = 'SELECT * FROM a.conversations_v2 WHERE id = 1';
    expect(await rows(read)).toEqual(await query(read, { a: database }));
    const columns = `SELECT column_name, replace(data_type, 'ENUM(''secret'', ''open'')', 'VARCHAR') AS type FROM duckdb_columns()`;
    expect(await rows(columns)).toEqual(await query(columns, { a: database }));
    expect((await readFile(raw)).includes('secret')).toBe(false);
  });
});

describe('a pattern that is none', () => {
  it('is named with what is wrong about it', async () => {
    await pool().checkPatterns(['(?i)sk-[a-z]{2,4}', '\\bword\\b', '']);
    await expect(openPool().checkPatterns(['good', '(?<!no)look-behind'])).rejects.toMatchObject({
      type: 'SettingsInvalid',
      message: expect.stringMatching(
        /^exclude_patterns \(AKOSHA_EXCLUDE_PATTERNS\): "\(\?<!no\)look-behind" is not a regular expression in RE2's syntax: .*invalid perl operator/,
      ),
    });
  });

  it('lets nothing out', async () => {
    const folder = await temporaryFolder();
    const request = { database: await databaseOf(...CONVERSATIONS), folder, name: 'stored' };
    const exclude = { ...NOTHING, patterns: ['('] };
    await expect(openPool().snapshotDatabase({ ...request, exclude })).rejects.toMatchObject({
      type: 'DatabaseUnreadable',
    });
    expect(await readdir(folder)).toEqual([]);
  });
});
