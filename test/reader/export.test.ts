import { createHash } from 'node:crypto';
import { copyFile, readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BATCH_COLUMNS } from '../../src/memory/index.js';
import { ReaderPool, type DatabaseRead } from '../../src/reader/index.js';
import { makeDatabase, query, SAMPLES } from '../support/databases.js';
import { openPool, readOne, setEnvironment, setFileVersion, temporaryFolder, UPLOADED } from './support.js';

let pool: ReaderPool;
beforeAll(() => {
  pool = new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 30_000 });
});
afterAll(() => pool.close());

type Row = Record<string, unknown>;

interface Exported {
  result: DatabaseRead;
  rows: Row[];
  output: string;
}

async function exportFile(stored: string): Promise<Exported> {
  const scratch = await temporaryFolder();
  const output = join(scratch, 'out.parquet');
  const result = await readOne(pool, { stored, output });
  expect(await readdir(scratch)).toEqual(['out.parquet']);
  return { result, output, rows: await query(`FROM '${output}'`) };
}

/** Exports a database made of these statements. */
async function exportOf(...statements: string[]): Promise<Exported> {
  const path = join(await temporaryFolder(), 'made.duckdb');
  await makeDatabase(path, ...statements);
  return exportFile(path);
}

async function refused(stored: string, reader = pool): Promise<unknown> {
  const scratch = await temporaryFolder();
  const output = join(scratch, 'out.parquet');
  const error: unknown = await readOne(reader, { stored, output }).catch((reason: unknown) => reason);
  expect(await readdir(scratch)).toEqual([]);
  return error;
}

const fieldsOf = (row: Row | undefined): unknown => JSON.parse(String(row?.['fields']));

/** 384 numbers: `first`, then zeros. */
const vector = (first: string, length = 384): string =>
  `[${[first, ...Array<string>(length - 1).fill('0')].join(', ')}]`;

/** Each schema that a Session-Buddy wrote besides the one the samples have: legacy tables, and what its migration makes. */
it('a database of each known schema is read by its columns’ names', async () => {
  const { result, rows } = await exportOf(
    'CREATE TABLE conversations(id VARCHAR, content VARCHAR, embedding FLOAT[384], project VARCHAR, timestamp TIMESTAMP, metadata JSON)',
    `INSERT INTO conversations VALUES ('c', 'legacy', NULL, 'p', '2026-11-01', '{"a": 1}')`,
    'CREATE TABLE reflections(id VARCHAR, content VARCHAR, embedding FLOAT[384], project VARCHAR, timestamp TIMESTAMP, metadata JSON, tags VARCHAR[])',
    `INSERT INTO reflections VALUES ('r', 'legacy', NULL, 'p', '2026-11-02', NULL, ['t'])`,
    'CREATE TABLE reflections_v2(id VARCHAR, created_at TIMESTAMP, tags VARCHAR[], content VARCHAR, category VARCHAR, project VARCHAR)',
    `INSERT INTO reflections_v2 VALUES ('m', '2026-11-03', ['t'], 'migrated', 'facts', 'p')`,
    'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR, entity_type VARCHAR, observations VARCHAR[], properties JSON, created_at TIMESTAMP, updated_at TIMESTAMP, metadata JSON)',
    `INSERT INTO kg_entities VALUES ('e', 'api', 'service', ['seen'], NULL, '2026-11-04', NULL, NULL)`,
    'CREATE TABLE kg_relationships(id VARCHAR, from_entity VARCHAR, to_entity VARCHAR, relation_type VARCHAR, properties JSON, created_at TIMESTAMP, metadata JSON)',
    `INSERT INTO kg_relationships VALUES ('l', 'e', 'e', 'uses', NULL, '2026-11-05', NULL)`,
  );
  expect(result.rows).toEqual({ conversation: 1, reflection: 2, entity: 1, relation: 1 });
  const seen = rows.map((row) => [
    row['memory_id'],
    row['content'],
    row['project'],
    row['tags'],
    row['own_time'],
  ]);
  expect(seen).toEqual([
    ['c', 'legacy', 'p', null, '2026-11-01 00:00:00'],
    ['m', 'migrated', 'p', ['t'], '2026-11-03 00:00:00'],
    ['r', 'legacy', 'p', ['t'], '2026-11-02 00:00:00'],
    ['e', 'api service seen', null, null, '2026-11-04 00:00:00'],
    ['l', 'api uses api', null, null, '2026-11-05 00:00:00'],
  ]);
});

describe('a sample database', () => {
  it.each([
    ['reflection.duckdb', { conversation: 208, reflection: 104 }, 312],
    ['knowledge_graph.duckdb', { entity: 56, relation: 79 }, 55],
  ])('%s is exported row by row', async (name, counts, vectors) => {
    const { result, rows, output } = await exportFile(join(SAMPLES, name));
    const content = await readFile(join(SAMPLES, name));
    const sum = createHash('sha256').update(content).digest('hex');
    expect(result).toEqual({
      rows: counts,
      skipped: Object.fromEntries(Object.keys(counts).map((kind) => [kind, 0])),
      refused: {},
      storedBytes: content.length,
      storedSha256: sum,
      rawBytes: content.length,
      rawSha256: sum,
      reader: expect.stringMatching(/^duckdb-node-api 1\./),
      logsReplayed: true,
      logs: [],
    });
    expect(rows).toHaveLength(Object.values(counts).reduce((a, b) => a + b));
    expect(rows.filter((row) => row['embedding'] !== null)).toHaveLength(vectors);
    expect(
      rows.every((row) => row['own_time'] !== UPLOADED && /^[0-9a-f]{64}$/.test(String(row['hash']))),
    ).toBe(true);
    expect(rows.map(fieldsOf).every((fields) => typeof fields === 'object')).toBe(true);
    const described = await query(
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE FROM '${output}')`,
    );
    // Parquet knows no fixed length: the array comes back as a list.
    const expected = Object.entries(BATCH_COLUMNS).map(([column, type]) => ({
      name: column,
      type: type.replace('FLOAT[384]', 'FLOAT[]'),
    }));
    expect(described).toEqual(expect.arrayContaining(expected));
  });

  it('carries texts, times, tags and vectors unchanged', async () => {
    const path = join(SAMPLES, 'reflection.duckdb');
    const { output } = await exportFile(path);
    const different = await query(
      `WITH source AS (
         SELECT 'conversation' AS kind, id, content, project, NULL::VARCHAR[] AS tags, timestamp AS time, embedding::FLOAT[] AS embedding
         FROM sample.conversations_v2
         UNION ALL
         SELECT 'reflection', id, content, project, tags, coalesce(created_at, timestamp), embedding::FLOAT[] FROM sample.reflections_v2)
       (FROM source EXCEPT SELECT kind, memory_id, content, project, tags, own_time, embedding FROM '${output}')
       UNION ALL
       (SELECT kind, memory_id, content, project, tags, own_time, embedding FROM '${output}' EXCEPT FROM source)`,
      { sample: path },
    );
    expect(different).toEqual([]);
  });

  it('is exported alike from gzip, whatever the file is called', async () => {
    const plain = await exportFile(join(SAMPLES, 'knowledge_graph.duckdb'));
    const stored = join(await temporaryFolder(), 'without-a-suffix');
    await writeFile(stored, gzipSync(await readFile(join(SAMPLES, 'knowledge_graph.duckdb'))));
    const packed = await exportFile(stored);
    expect(packed.rows).toEqual(plain.rows);
    expect(packed.result.rawSha256).toBe(plain.result.rawSha256);
    expect(packed.result.storedSha256).toBe(
      createHash('sha256')
        .update(await readFile(stored))
        .digest('hex'),
    );
    expect(packed.result.storedBytes).toBeLessThan(packed.result.rawBytes);
  });
});

describe('the content of a memory', () => {
  it('of an entity is its name, type and observations', async () => {
    const { rows } = await exportOf(
      'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR, entity_type VARCHAR, observations VARCHAR[])',
      `INSERT INTO kg_entities VALUES ('1', 'api', 'service', ['is slow', NULL, 'was fast']), ('2', 'db', NULL, []), ('3', 'x', 'y', NULL)`,
    );
    expect(rows.map((row) => row['content'])).toEqual(['api service is slow was fast', 'db', 'x y']);
  });

  it('of a relation is its type between the names of its entities, or their ids', async () => {
    const { rows } = await exportOf(
      'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR)',
      `INSERT INTO kg_entities VALUES ('a', 'api'), ('b', 'database'), ('b', 'doubled')`,
      'CREATE TABLE kg_relationships(id VARCHAR, from_entity VARCHAR, to_entity VARCHAR, relation_type VARCHAR)',
      `INSERT INTO kg_relationships VALUES ('1', 'a', 'b', 'uses'), ('2', 'a', 'gone', 'calls')`,
    );
    const relations = rows.filter((row) => row['kind'] === 'relation');
    expect(relations.map((row) => row['content'])).toEqual(['api uses database', 'api calls gone']);
  });

  it('of a relation without the table of entities is made of their ids', async () => {
    const { rows } = await exportOf(
      'CREATE TABLE kg_relationships(id VARCHAR, from_entity VARCHAR, to_entity VARCHAR, relation_type VARCHAR)',
      `INSERT INTO kg_relationships VALUES ('1', 'a', 'b', 'uses')`,
    );
    expect(rows.map((row) => row['content'])).toEqual(['a uses b']);
  });
});

describe('a row', () => {
  it('without id or content is left out and counted', async () => {
    const { rows, result } = await exportOf(
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 VALUES ('1', 'kept'), (NULL, 'no id'), ('3', NULL), ('4', '')`,
      'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR)',
      `INSERT INTO kg_entities VALUES ('1', NULL)`,
    );
    expect(rows.map((row) => row['memory_id'])).toEqual(['1', '4']);
    expect(result).toMatchObject({
      rows: { conversation: 2, entity: 0 },
      skipped: { conversation: 2, entity: 1 },
    });
  });

  it.each([
    ['importance_score', 'VARCHAR', `'very'`],
    ['timestamp', 'VARCHAR', `'yesterday'`],
  ])('whose %s is no such value is kept without it', async (column, type, value) => {
    const { rows } = await exportOf(
      `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, ${column} ${type})`,
      `INSERT INTO conversations_v2 VALUES ('1', 'x', ${value})`,
    );
    expect(rows).toMatchObject([{ memory_id: '1', content: 'x', own_time: UPLOADED }]);
  });

  it('that two tables hold is that of the newer table, and both are counted', async () => {
    const { rows, result } = await exportOf(
      'CREATE TABLE conversations(id VARCHAR, content VARCHAR)',
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations VALUES ('1', 'legacy'), ('2', 'only legacy')`,
      `INSERT INTO conversations_v2 VALUES ('1', 'new')`,
    );
    expect(rows.map((row) => [row['memory_id'], row['content']])).toEqual([
      ['1', 'new'],
      ['2', 'only legacy'],
    ]);
    expect(result.rows).toEqual({ conversation: 3 });
  });

  it('keeps its other columns as JSON that any parser takes', async () => {
    const { rows } = await exportOf(
      `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, embedding FLOAT[384], fingerprint BLOB, searchable_content VARCHAR,
         "odd ""name" INTEGER, score DOUBLE, scores FLOAT[], nested STRUCT(a DOUBLE), meta JSON, text VARCHAR, "at" TIMESTAMP)`,
      `INSERT INTO conversations_v2 VALUES
         ('1', 'a', NULL, 'x', 'y', 7, 'nan', ['inf'::FLOAT], {'a': 'nan'::DOUBLE}, '{"x": NaN, "y": [1, -Infinity]}', chr(0) || '"', '2026-01-02 03:04:05.5'),
         ('2', 'b', NULL, NULL, NULL, NULL, 0.5, NULL, NULL, '{"note": "information, nan or so: inf"}', NULL, NULL)`,
    );
    expect(rows.map(fieldsOf)).toEqual([
      {
        id: '1',
        'odd "name': 7,
        score: null,
        scores: '[inf]',
        nested: `{'a': nan}`,
        meta: '{"x": NaN, "y": [1, -Infinity]}',
        text: '\0"',
        at: '2026-01-02 03:04:05.5',
      },
      {
        id: '2',
        'odd "name': null,
        score: 0.5,
        scores: null,
        nested: null,
        meta: '{"note": "information, nan or so: inf"}',
        text: null,
        at: null,
      },
    ]);
  });

  it('has the first own time it has, in the writer’s zone or converted to UTC, and none that no calendar has', async () => {
    const { rows } = await exportOf(
      'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR, timestamp TIMESTAMP, created_at TIMESTAMPTZ, updated_at TIMESTAMP)',
      `INSERT INTO reflections_v2 VALUES
         ('1', 'x', '2026-01-01 00:00:00', '2026-02-02 02:00:00+02:00', '2026-03-03'),
         ('2', 'x', '2026-01-01 00:00:00', NULL, '2026-03-03'),
         ('3', 'x', NULL, NULL, '2026-03-03'),
         ('4', 'x', 'infinity', NULL, NULL),
         ('5', 'x', '20000-01-01', NULL, NULL)`,
    );
    expect(rows.map((row) => row['own_time'])).toEqual([
      '2026-02-02 00:00:00',
      '2026-01-01 00:00:00',
      UPLOADED,
      UPLOADED,
      UPLOADED,
    ]);
  });

  it.each([
    ['FLOAT[384]', vector('1'), true],
    ['FLOAT[]', vector('1'), true],
    ['DOUBLE[]', vector('1'), true],
    ['FLOAT[384]', vector(`'nan'::FLOAT`), false],
    ['FLOAT[384]', vector(`'-inf'::FLOAT`), false],
    ['FLOAT[]', vector('NULL'), false],
    ['FLOAT[384]', vector('0'), false],
    ['FLOAT[]', vector('-0.0::FLOAT'), false],
    ['FLOAT[]', vector('1e-30'), false],
    ['DOUBLE[]', vector('1e-300'), false],
    ['FLOAT[]', vector('1', 383), false],
    ['FLOAT[]', '[]', false],
    ['FLOAT[768]', vector('1', 768), false],
    ['DOUBLE[]', vector('1e300'), false],
    ['VARCHAR', `'[1]'`, false],
  ])('with an embedding as %s', async (type, value, kept) => {
    const { rows } = await exportOf(
      `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, embedding ${type})`,
      `INSERT INTO conversations_v2 VALUES ('1', 'x', ${value}::${type}), ('2', 'without', NULL)`,
    );
    const first = kept ? [1, ...Array<number>(383).fill(0)] : null;
    expect(rows.map((row) => row['embedding'])).toEqual([first, null]);
  });
});

describe('which tables count', () => {
  it('a file without any known one has no rows', async () => {
    const { rows, result } = await exportOf(
      'CREATE TABLE other(id VARCHAR)',
      `INSERT INTO other VALUES ('1')`,
    );
    expect(rows).toEqual([]);
    expect(result).toMatchObject({ rows: {}, skipped: {} });
  });

  it('an empty one counts as covered', async () => {
    const { result } = await exportOf('CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR)');
    expect(result.rows).toEqual({ reflection: 0 });
  });

  it('a view of that name does not, nor a table of another schema', async () => {
    const { result } = await exportOf(
      `CREATE VIEW conversations_v2 AS SELECT '1' AS id, 'hello' AS content`,
      'CREATE SCHEMA elsewhere',
      `CREATE TABLE elsewhere.reflections_v2 AS SELECT '1' AS id, 'hello' AS content`,
    );
    expect(result.rows).toEqual({});
  });

  it('one is known by its name in any case, and so are its columns', async () => {
    const { rows } = await exportOf(
      'CREATE TABLE Conversations_V2("ID" VARCHAR, "Content" VARCHAR, "Project" VARCHAR)',
      `INSERT INTO Conversations_V2 VALUES ('1', 'x', 'p')`,
    );
    expect(rows).toMatchObject([{ memory_id: '1', content: 'x', project: 'p' }]);
  });

  it('a macro of the file does not stand in for a function of ours', async () => {
    const { rows } = await exportOf(
      `CREATE MACRO sha256(x) AS 'forged'`,
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 VALUES ('1', 'x')`,
    );
    expect(rows[0]?.['hash']).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('what is refused', () => {
  it.each([
    ['empty', Buffer.alloc(0), 'is not a DuckDB file (DUCK expected at byte 8)'],
    ['of another format', Buffer.alloc(20_000, 7), 'is not a DuckDB file (DUCK expected at byte 8)'],
    [
      'gzip of another format',
      gzipSync(Buffer.alloc(20_000, 7)),
      'is not a DuckDB file (DUCK expected at byte 8)',
    ],
    [
      'half a gzip',
      gzipSync(Buffer.alloc(20_000, 7)).subarray(0, 30),
      'is not a whole gzip stream: unexpected end of file',
    ],
    [
      'damaged gzip',
      Buffer.from([0x1f, 0x8b, 9, 9, 9, 9]),
      'is not a whole gzip stream: unknown compression method',
    ],
  ])('a file that is %s', async (_what, content, rule) => {
    const stored = join(await temporaryFolder(), 'x.duckdb');
    await writeFile(stored, content);
    expect(await refused(stored)).toMatchObject({
      type: 'UploadUnreadable',
      message: `x.duckdb ${rule}`,
      details: { file: 'x.duckdb', rule },
    });
  });

  it('a file cut short', async () => {
    const stored = join(await temporaryFolder(), 'x.duckdb');
    await copyFile(join(SAMPLES, 'reflection.duckdb'), stored);
    await truncate(stored, 3_000_000);
    expect(await refused(stored)).toMatchObject({
      type: 'UploadUnreadable',
      message: expect.stringMatching(
        /^x\.duckdb cannot be read as a DuckDB file: .*Could not read enough bytes/,
      ),
    });
  });

  it('a file with a damaged block', async () => {
    const stored = join(await temporaryFolder(), 'x.duckdb');
    const content = await readFile(join(SAMPLES, 'reflection.duckdb'));
    // Of every 64 KiB some bytes, so that whatever blocks the tables use are hit, the headers spared.
    for (let at = 65_536; at < content.length; at += 65_536) content.fill(0x55, at, at + 64);
    await writeFile(stored, content);
    expect(await refused(stored)).toMatchObject({ type: 'UploadUnreadable' });
  });

  it('a file of a newer DuckDB, with its version', async () => {
    const stored = join(await temporaryFolder(), 'x.duckdb');
    await copyFile(join(SAMPLES, 'knowledge_graph.duckdb'), stored);
    await setFileVersion(stored, 999n);
    // What this machine has to read it must not matter.
    setEnvironment('PATH', '/nowhere');
    const scratch = await temporaryFolder();
    const output = join(scratch, 'out.parquet');
    await expect(readOne(openPool(), { stored, output })).rejects.toMatchObject({
      type: 'DatabaseUnreadable',
      message: expect.stringMatching(/^x\.duckdb has DuckDB file version 999.*AKOSHA_READER_COMMAND/),
      details: { version: 999 },
    });
  });

  it('a small file that grows beyond the limit', async () => {
    const stored = join(await temporaryFolder(), 'bomb.duckdb');
    await writeFile(stored, gzipSync(Buffer.alloc(50_000_000)));
    expect(await refused(stored, openPool({ maxUploadBytes: 1_000_000 }))).toMatchObject({
      type: 'UploadUnreadable',
      message: 'bomb.duckdb is more than 1000000 bytes after decompression (AKOSHA_UPLOAD_MAX_MB)',
    });
  });

  it.each([
    [
      'without its id',
      'CREATE TABLE conversations_v2(content VARCHAR)',
      'has a table conversations_v2 without the column id',
    ],
    [
      'without its name',
      'CREATE TABLE kg_entities(id VARCHAR)',
      'has a table kg_entities without the column name',
    ],
    [
      'with tags that are no list',
      'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR, tags VARCHAR)',
      'has in table reflections_v2 the column tags as VARCHAR; it must be a list',
    ],
  ])('a table %s', async (_what, statement, rule) => {
    const stored = join(await temporaryFolder(), 'x.duckdb');
    await makeDatabase(stored, statement);
    expect(await refused(stored)).toMatchObject({ type: 'UploadUnreadable', message: `x.duckdb ${rule}` });
  });
});
