import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { KINDS, type Kind } from '../../src/contract/index.js';
import { gunzipTo, openPool, temporaryFolder, TIMES } from './support.js';

const SAMPLE = 'samples/session-buddy';
const FILES = ['reflection.duckdb', 'knowledge_graph.duckdb'];

async function query(path: string, sql: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(sql);
  connection.closeSync();
  instance.closeSync();
  return reader.getRowObjectsJson();
}

/** Kind, id and content hash of every memory in some databases, read as one upload. */
async function listOf(databases: readonly string[]): Promise<Record<string, unknown>[]> {
  const pool = openPool();
  const folder = await temporaryFolder();
  const rows = join(folder, 'rows.parquet');
  const named = databases.map((stored, index) => ({ stored, label: FILES[index] ?? 'x' }));
  await pool.readDatabases({ ...TIMES, databases: named, output: rows });
  const output = join(folder, 'rows.jsonl');
  const { rows: count } = await pool.listRows({ rows, scratch: folder, output });
  const lines = (await readFile(output, 'utf8')).split('\n').filter((line) => line !== '');
  expect(lines).toHaveLength(count);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function build(rows: readonly unknown[], kinds: readonly Kind[], compression?: 'gzip') {
  const pool = openPool();
  const folder = await temporaryFolder();
  const input = join(folder, 'rows.jsonl');
  await writeFile(input, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const output = join(folder, 'built.duckdb');
  const ways = compression === undefined ? {} : { compression };
  return {
    output,
    built: await pool.buildDatabase({ rows: input, kinds, scratch: folder, output, ...ways }),
  };
}

const row = (more: Record<string, unknown>): Record<string, unknown> => ({
  kind: 'conversation',
  memory_id: 'a',
  content: 'text',
  project: null,
  tags: null,
  fields: {},
  embedding: null,
  ...more,
});

describe('buildDatabase', () => {
  it('gives the sample’s memories back with the hashes, vectors and texts they had', async () => {
    const before = await listOf(FILES.map((name) => join(SAMPLE, name)));
    const { output, built } = await build(before, KINDS);
    expect(built.rows).toEqual({ conversation: 208, reflection: 104, entity: 56, relation: 79 });
    expect(before.filter(({ embedding }) => embedding !== null)).toHaveLength(208 + 104 + 55);
    const after = await listOf([output]);
    const essence = ({
      kind,
      memory_id,
      hash,
      content,
      project,
      tags,
      embedding,
    }: Record<string, unknown>) => ({
      ...{ kind, memory_id, hash, content, project, tags, embedding },
    });
    expect(after.map(essence)).toEqual(before.map(essence));
  });

  it('makes a table for each kind asked for, with Session-Buddy’s columns and key', async () => {
    const { output } = await build([row({})], ['conversation', 'reflection']);
    const tables = await query(output, 'SELECT table_name FROM duckdb_tables() ORDER BY 1');
    expect(tables).toEqual([{ table_name: 'conversations_v2' }, { table_name: 'reflections_v2' }]);
    const keys = await query(
      output,
      `SELECT constraint_column_names AS names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'`,
    );
    expect(keys).toEqual([{ names: ['id'] }, { names: ['id'] }]);
  });

  it('takes fields as an object or as its text, and JSON columns as they are written', async () => {
    const fields = {
      properties: '{"a":  1, "b": NaN}',
      metadata: { c: 2 },
      name: 'n',
      observations: ['x', null],
    };
    const rows = [
      row({ kind: 'entity', memory_id: '1', content: null, fields }),
      row({ kind: 'entity', memory_id: '2', content: null, fields: JSON.stringify(fields) }),
    ];
    const { output } = await build(rows, ['entity']);
    const found = await query(
      output,
      'SELECT id, name, observations, properties::VARCHAR AS p, metadata::VARCHAR AS m FROM kg_entities ORDER BY id',
    );
    const same = { name: 'n', observations: ['x', null], p: fields.properties, m: '{"c":2}' };
    expect(found).toEqual([
      { id: '1', ...same },
      { id: '2', ...same },
    ]);
  });

  it('keeps what a newer Session-Buddy adds, as text, whatever its name', async () => {
    const { output } = await build([row({ fields: { 'a/b~"c\'': 7, Category: 'facts' } })], ['conversation']);
    expect(await query(output, `SELECT "a/b~""c'" AS extra FROM conversations_v2`)).toEqual([{ extra: '7' }]);
    expect(
      await query(
        output,
        `SELECT count(*)::INTEGER AS n FROM duckdb_columns() WHERE column_name ILIKE 'category'`,
      ),
    ).toEqual([{ n: 1 }]);
  });

  it('leaves a vector of another length out', async () => {
    const { output } = await build([row({ embedding: [1, 2, 3] })], ['conversation']);
    expect(await query(output, 'SELECT embedding FROM conversations_v2')).toEqual([{ embedding: null }]);
  });

  it('compresses where it is asked to, and tells both sums', async () => {
    const { output, built } = await build([row({})], ['conversation'], 'gzip');
    const raw = join(await temporaryFolder(), 'raw.duckdb');
    await gunzipTo(output, raw);
    expect((await readFile(raw)).length).toBe(built.rawBytes);
    expect((await readFile(output)).length).toBe(built.storedBytes);
  });

  it.each([
    ['a value that is not of its column’s type', [row({ fields: { timestamp: 'yesterday' } })], 'yesterday'],
    ['a row of a kind that is not asked for', [row({ kind: 'relation' })], '1 of 1 rows'],
    ['one key twice', [row({}), row({})], 'duplicate key'],
    ['what is no JSON', 'no', 'row format'],
    [
      'more unknown fields than it keeps',
      [row({ fields: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`x${n}`, 1])) })],
      '51 fields',
    ],
  ])('refuses %s', async (_, rows, message) => {
    const refused = build(typeof rows === 'string' ? [rows] : rows, ['conversation']);
    await expect(refused).rejects.toMatchObject({
      type: 'BadRequest',
      message: expect.stringContaining(message),
    });
  });
});
