import { describe, expect, it } from 'vitest';
import { searchIndex } from '../../../src/store/embedded/vector-index/index-search.js';
import type { SearchFilters } from '../../../src/store/index.js';
import { clustered, indexOf, placeOf, random } from './support.js';

const next = random(7);
/** More than are compared one by one in any case. */
const vectors = clustered(12_000, next);
const index = indexOf(vectors);
const BOTH: SearchFilters = { tiers: ['hot', 'warm'] };
const TAGGED = [3, 5, 11_999];

function found(vector: Float32Array, filters: SearchFilters, limit = 10): number[] {
  return searchIndex(index, { vector, filters, limit }, () => TAGGED).map(({ pid }) => pid);
}

/** By all components, of all that pass. */
function best(vector: Float32Array, passes: (pid: number) => boolean): number[] {
  const cosine = (other: Float32Array): number => other.reduce((sum, x, i) => sum + x * (vector[i] ?? 0), 0);
  return vectors
    .map((other, i) => ({ pid: i + 1, score: cosine(other) }))
    .filter(({ pid }) => passes(pid))
    .sort((a, b) => b.score - a.score)
    .slice(0, 10)
    .map(({ pid }) => pid);
}

/** Vectors near some of those that there are. */
const queries = Array.from({ length: 15 }, () => {
  const near = vectors[Math.floor(next() * vectors.length)] ?? new Float32Array(384);
  return near.map((x) => x + 0.02 * (next() - 0.5));
});

const FILTERS: [string, SearchFilters, (pid: number) => boolean][] = [
  ['without a filter', BOTH, () => true],
  ['of a system that has half of them', { ...BOTH, systemId: 'host-1' }, (pid) => pid % 2 === 1],
  ['of a project that has one in a hundred', { ...BOTH, project: 'rare' }, (pid) => pid % 100 === 0],
  ['of a time in which lie three', { ...BOTH, since: 500, until: 503 }, (pid) => pid >= 500 && pid < 503],
  ['of what was known by then', { ...BOTH, knownBy: 6_000 }, (pid) => pid <= 6_000],
  ['of a tag', { ...BOTH, tag: 'any' }, (pid) => TAGGED.includes(pid)],
  ['of what is not the oldest', { ...BOTH, since: 1_001 }, (pid) => pid > 1_000],
];

describe('the ten best by the index', () => {
  it.each(FILTERS)('are those of an exact comparison: %s', (_which, filters, passes) => {
    const hits = queries.map((query) => {
      const wanted = best(query, passes);
      const pids = found(query, filters);
      return wanted.filter((pid) => pids.includes(pid)).length / wanted.length;
    });
    expect(hits.reduce((sum, share) => sum + share, 0) / hits.length).toBeGreaterThanOrEqual(0.99);
  });

  it('are none of another tier, kind, system, project or nothing but zeros', () => {
    const [query = new Float32Array(384)] = queries;
    expect(found(query, { tiers: ['hot'] })).toEqual([]);
    expect(found(query, { ...BOTH, kind: 'entity' })).toEqual([]);
    expect(found(query, { ...BOTH, systemId: 'host-2' })).toEqual([]);
    expect(found(query, { ...BOTH, project: 'none' })).toEqual([]);
    expect(found(new Float32Array(384), BOTH)).toEqual([]);
  });

  it('are the same of what the graph does not hold yet', () => {
    const [query = new Float32Array(384)] = queries;
    const slot = index.rows.place(placeOf(12_001));
    index.rows.matrix.set(
      slot,
      Int16Array.from(query, (x) => x * 30_000),
    );
    index.waiting.add(slot);
    expect(found(query, BOTH)[0]).toBe(12_001);
    index.waiting.delete(slot);
    index.rows.remove(12_001);
  });

  it('are nearly those of an exact comparison also where the query is far from all', () => {
    const hits = Array.from({ length: 30 }, () => {
      const query = Float32Array.from({ length: 384 }, () => next() - 0.5);
      const pids = found(query, BOTH);
      return best(query, () => true).filter((pid) => pids.includes(pid)).length / 10;
    });
    expect(hits.reduce((sum, share) => sum + share, 0) / hits.length).toBeGreaterThanOrEqual(0.95);
  });
});
