import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import {
  QUANTISED,
  SIGNS,
  signsOf,
  SourceVectors,
  VectorPart,
} from '../../src/store/embedded/tiers/batch-vectors.js';
import { COMPARED, sameVectors } from '../../src/store/embedded/tiers/compare-vectors.js';
import { COMMON_COLUMNS, quantisedSql } from '../../src/store/embedded/tiers/tables.js';
import { withDuckDB } from '../support/databases.js';

/** Rows of a vector in hot, one in warm (its component 7 is given), and the scale. */
const ROWS = [
  { id: 1, hot: '1.0', seventh: '127', scale: '1.0 / 127', same: true },
  { id: 2, hot: '1.0', seventh: '126', scale: '1.0 / 127', same: false },
  { id: 3, hot: 'NULL', seventh: '127', scale: '1.0 / 127', same: false },
  { id: 4, hot: "'nan'", seventh: '127', scale: '1.0 / 127', same: false },
  { id: 5, hot: '1.0', seventh: 'NULL', scale: '1.0 / 127', same: false },
  { id: 6, hot: '1.0', seventh: '127', scale: "'inf'", same: false },
  // Half a step off, by rounding.
  { id: 7, hot: '1.0035', seventh: '127', scale: '1.0 / 127', same: true },
] as const;

const array = (seventh: string, other: string, type: string): string =>
  `CAST(list_transform(range(384), lambda i: CASE WHEN i = 7 THEN ${seventh} ELSE ${other} END) AS ${type}[384])`;

const hotRow = ({ id, hot }: (typeof ROWS)[number]): string =>
  `SELECT ${id}::BIGINT, ${array(`${hot}::FLOAT`, '1.0', 'FLOAT')}, false`;

const warmRow = ({ id, seventh, scale }: (typeof ROWS)[number]): string =>
  `SELECT ${id}::BIGINT AS row_id, ${array(seventh, '127', 'TINYINT')} AS vector, CAST(${scale} AS FLOAT) AS scale`;

const NO_VECTOR = {
  hot: 'SELECT 8::BIGINT, NULL::FLOAT[384], true',
  warm: 'SELECT 8::BIGINT AS row_id, NULL::TINYINT[384] AS vector, NULL::FLOAT AS scale',
} as const;

const LOST_VECTOR = {
  hot: `SELECT 9::BIGINT, ${array('1.0', '1.0', 'FLOAT')}, false`,
  warm: 'SELECT 9::BIGINT AS row_id, NULL::TINYINT[384] AS vector, NULL::FLOAT AS scale',
} as const;

/** By way of a table, because a union would come in several parts. */
async function partOf(connection: DuckDBConnection, query: string): Promise<DuckDBDataChunk> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE part AS ${query}`);
  const chunk = await (await connection.run('SELECT * FROM part')).fetchChunk();
  if (chunk === null) throw new Error(`no rows: ${query}`);
  return chunk;
}

it.each([
  ['each in a part of its own', ROWS.map((row) => ({ hot: hotRow(row), warm: warmRow(row) }))],
  [
    'all in one part, beside rows of which one or both have no vector',
    [
      {
        hot: [...ROWS.map(hotRow), NO_VECTOR.hot, LOST_VECTOR.hot].join(' UNION ALL '),
        warm: [...ROWS.map(warmRow), NO_VECTOR.warm, LOST_VECTOR.warm].join(' UNION ALL '),
      },
    ],
  ],
])('tells vectors that differ in one component from those that rounding made: %s', async (_name, parts) => {
  const same: number[] = [];
  await withDuckDB(async (connection) => {
    for (const { hot, warm } of parts) {
      const sources = new SourceVectors();
      quantiseAll(sources, await partOf(connection, hot));
      same.push(...sameVectors(await partOf(connection, `SELECT ${COMPARED} FROM (${warm})`), sources));
    }
  });
  const expected: number[] = ROWS.filter((each) => each.same).map(({ id }) => id);
  expect(same).toEqual(parts.length === 1 ? [...expected, 8] : expected);
});

/** Vectors of many kinds, the first a row each of the ends of FLOAT. */
const VECTORS = `SELECT n, CAST(list_transform(range(384), lambda i: CAST(CASE
    WHEN n = 0 THEN 0 WHEN n = 1 THEN 1e-40 WHEN n = 2 THEN 3.4e38 * ((i % 3) - 1)
    ELSE sin(n * 12.9898 + i * 78.233) * pow(10, (n % 7) - 3) END AS FLOAT)) AS FLOAT[384]) AS embedding FROM range(50) AS r(n)`;

it('makes of a vector on this thread what DuckDB makes of it for an ingest, and the signs of what cold keeps', async () => {
  await withDuckDB(async (connection) => {
    await connection.run(`CREATE TEMP TABLE hot AS ${VECTORS}`);
    const made = quantiseAll(
      new SourceVectors(),
      await partOf(connection, 'SELECT n, embedding, false FROM hot ORDER BY n'),
    );
    await connection.run(`CREATE TEMP TABLE made ${QUANTISED}`);
    await connection.run(`CREATE TEMP TABLE signed ${SIGNS}`);
    await append(connection, 'made', made);
    const columns = COMMON_COLUMNS.map((name) => (name === 'row_id' ? 'n AS row_id' : `NULL AS ${name}`));
    await connection.run(
      `CREATE TEMP TABLE expected AS ${quantisedSql(`(SELECT ${columns.join(', ')}, embedding FROM hot)`)}`,
    );
    const sql = 'SELECT row_id, vector, vector IS NULL FROM expected ORDER BY row_id';
    const signs = signsOf(new VectorPart(await partOf(connection, sql), 1), { from: 0, until: 50 });
    await append(connection, 'signed', signs);
    const found = await connection.runAndReadAll(
      `SELECT count(*) FILTER (WHERE m.scale = e.scale) AS scales, count(*) FILTER (WHERE m.vector = e.vector) AS vectors,
         max(list_max(list_transform(list_zip(m.vector::INTEGER[], e.vector::INTEGER[]), lambda p: abs(p[1] - p[2])))) AS most,
         count(*) FILTER (WHERE s.signs = CAST(CAST(array_to_string(list_transform(e.vector, lambda x: (x > 0)::TINYINT), '') AS BIT)
           AS BLOB)) AS signs
       FROM made m JOIN expected e USING (row_id) JOIN signed s USING (row_id)`,
    );
    const [row] = found.getRowObjectsJS();
    // Where a component lies in the middle of two steps the one may round up what the other rounds down.
    expect(row).toMatchObject({ scales: 50n, signs: 50n });
    expect(Number(row?.['vectors'])).toBeGreaterThan(45);
    expect(Number(row?.['most'])).toBeLessThanOrEqual(1);
  });
});

function quantiseAll(sources: SourceVectors, chunk: DuckDBDataChunk): DuckDBDataChunk {
  return sources.quantise(new VectorPart(chunk, 4), { from: 0, until: chunk.rowCount });
}

async function append(connection: DuckDBConnection, table: string, part: DuckDBDataChunk): Promise<void> {
  const appender = await connection.createAppender(table, 'main', 'temp');
  appender.appendDataChunk(part);
  appender.closeSync();
}
