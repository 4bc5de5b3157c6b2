import { expect, it } from 'vitest';
import { sameVectors } from '../../src/store/embedded/tiers/compare-vectors.js';
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

const row = ({ id, hot, seventh, scale }: (typeof ROWS)[number]): string =>
  `SELECT ${id}::BIGINT, ${array(`${hot}::FLOAT`, '1.0', 'FLOAT')}, ${array(seventh, '127', 'TINYINT')}, CAST(${scale} AS FLOAT), false`;

const WITHOUT = 'SELECT 8::BIGINT, NULL::FLOAT[384], NULL::TINYINT[384], NULL::FLOAT, true';

it.each([
  ['each in a part of its own', ROWS.map(row)],
  ['all in one part, beside a row without vectors', [[...ROWS.map(row), WITHOUT].join(' UNION ALL ')]],
])('tells vectors that differ in one component from those that rounding made: %s', async (_name, queries) => {
  const same: number[] = [];
  await withDuckDB(async (connection) => {
    for (const query of queries) {
      await connection.run(`CREATE OR REPLACE TEMP TABLE part AS ${query}`);
      const result = await connection.run('SELECT * FROM part');
      const chunk = await result.fetchChunk();
      if (chunk !== null) same.push(...sameVectors(chunk));
    }
  });
  const expected: number[] = ROWS.filter((each) => each.same).map(({ id }) => id);
  expect(same).toEqual(queries.length === 1 ? [...expected, 8] : expected);
});
