import { randomUUID } from 'node:crypto';
import { DuckDBInstance, type DuckDBConnection, type DuckDBValue } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kind } from '../../src/contract/index.js';
import { KINDS } from '../../src/contract/index.js';
import { contentHash, contentHashSql, KIND_DEFINITIONS, type HashedValue } from '../../src/memory/index.js';
import { SAMPLES } from '../support/databases.js';

let instance: DuckDBInstance;
let connection: DuckDBConnection;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
});

afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

async function rowsOf(sql: string): Promise<Record<string, DuckDBValue>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjects();
}

/** A hashed column as TypeScript sees it: only what DuckDB's types need to become plain values. */
function selectPlain(kind: Kind, columns: ReadonlySet<string>): string {
  return KIND_DEFINITIONS[kind].hashed
    .filter(({ name }) => columns.has(name))
    .map(({ name, type }) => {
      switch (type) {
        case 'timestamp':
          return `epoch_us("${name}") AS "${name}"`;
        case 'number':
          return `CAST("${name}" AS DOUBLE) AS "${name}"`;
        case 'list':
          return `to_json("${name}")::VARCHAR AS "${name}"`;
        case 'text':
          return `CAST("${name}" AS VARCHAR) AS "${name}"`;
      }
    })
    .join(', ');
}

function plain(kind: Kind, row: Record<string, DuckDBValue>): Record<string, HashedValue> {
  return Object.fromEntries(
    KIND_DEFINITIONS[kind].hashed.map(({ name, type }) => {
      const value = row[name] ?? null;
      if (type !== 'list') return [name, asHashed(value)];
      const list: unknown = value === null ? null : JSON.parse(String(value));
      return [name, Array.isArray(list) ? list.map((item) => (item === null ? null : String(item))) : null];
    }),
  );
}

function asHashed(value: DuckDBValue): HashedValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return value;
  throw new Error(`not a plain value: ${String(value)}`);
}

async function columnsOf(from: string): Promise<Set<string>> {
  const rows = await rowsOf(`DESCRIBE SELECT * FROM ${from}`);
  return new Set(rows.map((row) => String(row['column_name'])));
}

async function expectBothAgree(kind: Kind, from: string): Promise<string[]> {
  const columns = await columnsOf(from);
  const rows = await rowsOf(
    `SELECT ${contentHashSql(kind, columns)} AS sql_hash, ${selectPlain(kind, columns)} FROM ${from}`,
  );
  expect(rows.map((row) => contentHash(kind, plain(kind, row)))).toEqual(rows.map((row) => row['sql_hash']));
  return rows.map((row) => String(row['sql_hash']));
}

/** A table of one column beside an id; the kind's other columns count as missing. */
async function tableOf(column: string, type: string, values: readonly string[]): Promise<string> {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await connection.run(`CREATE TABLE ${name}(id INTEGER, "${column}" ${type})`);
  for (const [id, value] of values.entries())
    await connection.run(`INSERT INTO ${name} VALUES (${id}, ${value})`);
  return name;
}

describe('the content hash is one definition in two languages', () => {
  it.each([
    ['reflection.duckdb', 'conversation', 'conversations_v2', 208],
    ['reflection.duckdb', 'reflection', 'reflections_v2', 104],
    ['knowledge_graph.duckdb', 'entity', 'kg_entities', 56],
    ['knowledge_graph.duckdb', 'relation', 'kg_relationships', 79],
  ] as const)('on every row of the sample %s as %s', async (file, kind, table, count) => {
    await connection.run(`ATTACH '${SAMPLES}/${file}' AS sample_${kind} (READ_ONLY)`);
    const hashes = await expectBothAgree(kind, `sample_${kind}.main.${table}`);
    await connection.run(`DETACH sample_${kind}`);
    expect(hashes).toHaveLength(count);
    expect(new Set(hashes).size).toBe(count);
  });

  it('on awkward text', async () => {
    const texts = [
      'NULL',
      `''`,
      `' '`,
      `'-;'`,
      `'1:a;'`,
      `'a' || chr(0) || 'b'`,
      `'日本語 عربى 👩‍👩‍👧‍👦 \u2028 \ufeff é e\u0301'`,
      `repeat('é', 300000)`,
      `'it''s; "quoted" \\ '`,
    ];
    const hashes = await expectBothAgree('conversation', await tableOf('content', 'VARCHAR', texts));
    expect(new Set(hashes).size).toBe(texts.length);
  });

  it('on awkward numbers', async () => {
    const numbers = [
      'NULL',
      '0',
      `'-0.0'`,
      '0.5',
      '-0.5',
      '0.0000005',
      '-0.0000005',
      '0.0000015',
      '-0.0000025',
      '0.1 + 0.2',
      '1e300',
      '-1e300',
      `'nan'`,
      `'inf'`,
      `'-inf'`,
      '9223372036854.775807',
      '-9223372036854.775808',
      '9223372036854.774',
      '123456789.987654321',
      '4503599627.370497',
      '-4503599627.370497',
    ];
    await expectBothAgree('conversation', await tableOf('importance_score', 'DOUBLE', numbers));
    await expectBothAgree(
      'conversation',
      await tableOf('importance_score', 'FLOAT', ['0.7', '0.1', '-0.3', '1e30', 'NULL']),
    );
    await expectBothAgree(
      'conversation',
      await tableOf('importance_score', 'DECIMAL(18,7)', ['0.1234565', '-0.1234565']),
    );
    await expectBothAgree(
      'conversation',
      await tableOf('importance_score', 'BIGINT', ['7', '9223372036854775807']),
    );
  });

  it('on lists, and tells apart those that look alike when joined', async () => {
    const lists = [
      'NULL',
      '[]',
      '[NULL]',
      `['']`,
      `['', '']`,
      `['a', NULL, 'b']`,
      `['a', 'b']`,
      `['ab']`,
      `['a;1:b']`,
      `['-;']`,
      `['日本', 'é']`,
    ];
    const hashes = await expectBothAgree('reflection', await tableOf('tags', 'VARCHAR[]', lists));
    expect(new Set(hashes).size).toBe(lists.length);
  });

  it('on times before 1970, far off and infinite', async () => {
    const times = [
      'NULL',
      `'1969-12-31 23:59:59.000001'`,
      `'0001-01-01'`,
      `'290000-12-31'`,
      `'infinity'`,
      `'-infinity'`,
    ];
    await expectBothAgree('entity', await tableOf('created_at', 'TIMESTAMP', times));
  });
});

describe('what the content hash covers', () => {
  it('tells kinds apart', () => {
    expect(new Set(KINDS.map((kind) => contentHash(kind, {}))).size).toBe(KINDS.length);
  });

  it('takes a missing column for null', async () => {
    const table = await tableOf('content', 'VARCHAR', [`'x'`]);
    const wide = `(SELECT *, NULL::VARCHAR AS project, NULL::FLOAT AS importance_score FROM ${table})`;
    expect(await expectBothAgree('conversation', wide)).toEqual(await expectBothAgree('conversation', table));
  });

  it('ignores counters, updated_at and vectors', async () => {
    const table = await tableOf('content', 'VARCHAR', [`'x'`]);
    const counted =
      `(SELECT *, 7 AS access_count, now() AS last_accessed, now() AS updated_at, [0.1]::FLOAT[] AS embedding, ` +
      `'y' AS searchable_content FROM ${table})`;
    expect(await expectBothAgree('conversation', counted)).toEqual(
      await expectBothAgree('conversation', table),
    );
  });

  it('moves no value from one column to the next', () => {
    expect(contentHash('conversation', { content: 'a', category: 'b' })).not.toBe(
      contentHash('conversation', { content: 'ab', category: '' }),
    );
    expect(contentHash('conversation', { project: 'x' })).not.toBe(
      contentHash('conversation', { namespace: 'x' }),
    );
  });

  it('never changes: hashes in the stores of users depend on it', () => {
    expect(
      contentHash('reflection', {
        content: 'é',
        importance_score: Math.fround(0.7),
        tags: ['a', null],
        timestamp: 1_700_000_000_000_000n,
      }),
    ).toBe('5b510abb502f29cef25ee5fdc792e8e6e64451bbc90daf7a4dfe74151789caaf');
  });
});
