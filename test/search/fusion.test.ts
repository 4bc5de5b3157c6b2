import { describe, expect, it } from 'vitest';
import { fuse } from '../../src/search/fusion.js';

const sameTime = { ownTime: (): number => 0 };

describe('reciprocal rank fusion', () => {
  it('sums 1 / (60 + rank) over the lists that hold a key', () => {
    const fused = fuse(
      [
        { name: 'vector', keys: ['a', 'b'] },
        { name: 'words', keys: ['b', 'c', 'a'] },
      ],
      sameTime,
    );
    const share = (rank: number): object => ({ rank, weight: 1, part: 1 / (60 + rank) });
    expect(fused).toEqual([
      { key: 'b', score: 1 / 62 + 1 / 61, shares: { vector: share(2), words: share(1) } },
      { key: 'a', score: 1 / 61 + 1 / 63, shares: { vector: share(1), words: share(3) } },
      { key: 'c', score: 1 / 62, shares: { words: share(2) } },
    ]);
  });

  it('puts what both lists hold before the top of one', () => {
    const fused = fuse(
      [
        { name: 'vector', keys: ['v1', 'both', 'v3'] },
        { name: 'words', keys: ['w1', 'w2', 'both'] },
      ],
      sameTime,
    );
    expect(fused.map(({ key }) => key)[0]).toBe('both');
  });

  it('counts a place for what it is worth', () => {
    const fused = fuse(
      [
        { name: 'vector', keys: ['a', 'b'] },
        { name: 'words', keys: ['b', 'a'], weight: (key) => (key === 'a' ? 1 : 0.25) },
      ],
      sameTime,
    );
    expect(fused.map(({ key, score }) => [key, score])).toEqual([
      ['a', 1 / 61 + 1 / 62],
      ['b', 1 / 62 + 0.25 / 61],
    ]);
  });

  it('breaks ties by newer own time, then by key, whatever the order of the lists', () => {
    const lists = [
      { name: 'vector', keys: ['old'] },
      { name: 'words', keys: ['new'] },
      { name: 'words', keys: ['b'] },
      { name: 'words', keys: ['a'] },
    ];
    const time = { ownTime: (key: string): number => ({ new: 2, old: 1 })[key] ?? 0 };
    const order = ['new', 'old', 'a', 'b'];
    expect(fuse(lists, time).map(({ key }) => key)).toEqual(order);
    expect(fuse(lists.toReversed(), time).map(({ key }) => key)).toEqual(order);
  });

  it('multiplies the sum by the prior', () => {
    const lists = [{ name: 'words', keys: ['a', 'b'] }];
    const fused = fuse(lists, { ...sameTime, prior: (key) => (key === 'b' ? 1.1 : 1) });
    expect(fused.map(({ key, score }) => [key, score])).toEqual([
      ['b', 1.1 / 62],
      ['a', 1 / 61],
    ]);
  });

  it('of nothing is nothing', () => {
    expect(fuse([], sameTime)).toEqual([]);
  });
});
