import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { openSearch, Models, type Search, type SearchResult } from '../../src/search/index.js';
import { modelDirectory } from './embedding/support.js';
import { NOW, openTestStore, type TestStore } from './support.js';

const sample = (name: string): string => fileURLToPath(new URL(`../../samples/${name}`, import.meta.url));
const Queries = z.array(z.object({ paraphrase: z.string(), keywords: z.string(), answer: z.string() }));
const QUERIES = Queries.parse(JSON.parse(readFileSync(sample('queries.json'), 'utf8')));

let test: TestStore;
let models: Models;
let search: Search;

beforeAll(async () => {
  test = await openTestStore();
  await test.ingestFiles('sample', [sample('session-buddy/reflection.duckdb')]);
  models = new Models({ directoryOf: () => modelDirectory() });
  const recency = { weight: 0.02, halfLifeDays: 30 };
  search = openSearch({ store: test.store, models, timeoutMs: 30_000, recency, clock: () => NOW });
});
afterAll(async () => {
  await models.close();
  await test.close();
});

/** The place of the first result that is right, by some order of them; endless beyond the twentieth. */
function rank(
  results: readonly SearchResult[],
  answer: string,
  place: (result: SearchResult) => number,
): number {
  const ordered = results.toSorted((a, b) => place(a) - place(b));
  const at = ordered.findIndex((result) => place(result) < Infinity && result.content.includes(answer));
  return at === -1 || at >= 20 ? Infinity : at + 1;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

it.each(['paraphrase', 'keywords'] as const)(
  'finds what each %s means, as well as either ranking alone',
  async (kind) => {
    const ranks = { fused: [] as number[], vector: [] as number[], words: [] as number[] };
    for (const query of QUERIES) {
      const { results, partial, mode } = await search.search({
        text: query[kind],
        limit: 200,
        explain: true,
      });
      expect([partial, mode]).toEqual([[], 'vector+words']);
      ranks.fused.push(rank(results, query.answer, (result) => results.indexOf(result)));
      ranks.vector.push(rank(results, query.answer, ({ explain }) => explain?.vector?.rank ?? Infinity));
      ranks.words.push(rank(results, query.answer, ({ explain }) => explain?.words?.rank ?? Infinity));
    }
    const mrr = (of: readonly number[]): number => mean(of.map((place) => 1 / place));
    expect(mean(ranks.fused.map((place) => Number(place <= 5)))).toBeGreaterThanOrEqual(0.95);
    expect(mrr(ranks.fused)).toBeGreaterThanOrEqual(Math.max(mrr(ranks.vector), mrr(ranks.words)));
  },
);
