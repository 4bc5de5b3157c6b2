import { describe, expect, it } from 'vitest';
import { bestTogether, distinctKeys, type TierCandidates } from '../../src/search/candidates.js';
import type { Tier } from '../../src/contract/index.js';
import type { Candidate } from '../../src/store/index.js';

const candidate = (memoryId: string, score: number, placeId?: number): Candidate => ({
  ...{ systemId: 'host-1', kind: 'conversation', memoryId, score },
  ...(placeId === undefined ? {} : { placeId }),
});

const tierOf = (tier: Tier, vectors: Candidate[], words: Candidate[] = []): TierCandidates => ({
  ...{ tier, vectors, words, full: false, ms: 0, faults: [] },
});

const ids = (candidates: readonly Candidate[]): string[] => candidates.map(({ memoryId }) => memoryId);

describe('the best of hot and warm together', () => {
  const hot = tierOf(
    'hot',
    [candidate('a', 0.9), candidate('b', 0.4)],
    [candidate('a', 7), candidate('c', 2)],
  );
  const warm = tierOf(
    'warm',
    [candidate('d', 0.8), candidate('e', 0.7)],
    [candidate('d', 9), candidate('f', 8)],
  );

  it('are as many of each kind as of one tier, ties with the last among them', () => {
    const [first, second] = bestTogether([hot, warm], 2);
    expect([ids(first?.vectors ?? []), ids(second?.vectors ?? [])]).toEqual([['a'], ['d']]);
    expect([ids(first?.words ?? []), ids(second?.words ?? [])]).toEqual([[], ['d', 'f']]);
    // There are more to be had.
    expect([first?.full, second?.full]).toEqual([true, true]);
    const tied = tierOf('warm', [candidate('x', 0.4)]);
    expect(bestTogether([hot, tied], 2).flatMap(({ vectors }) => ids(vectors))).toEqual(['a', 'b', 'x']);
  });

  it('take nothing from cold, whose scores are estimates, nor from a tier that is alone', () => {
    const cold = tierOf('cold', [candidate('y', 0.1), candidate('z', 0.05)]);
    expect(bestTogether([hot, warm, cold], 1)[2]).toEqual(cold);
    expect(bestTogether([hot, cold], 1)).toEqual([hot, cold]);
  });
});

describe('the keys of candidates', () => {
  it('are there once, with the number of their place where one of the searches had it', () => {
    const cold = tierOf('cold', [candidate('a', 1), candidate('b', 1)]);
    const warm = tierOf('warm', [candidate('a', 1, 7)], [candidate('a', 1)]);
    const of = { systemId: 'host-1', kind: 'conversation' };
    const found = [
      { ...of, memoryId: 'a', placeId: 7 },
      { ...of, memoryId: 'b' },
    ];
    expect(distinctKeys([cold, warm])).toEqual(found);
    expect(distinctKeys([warm, cold])).toEqual(found);
  });
});
