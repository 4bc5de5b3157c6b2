import { expect, it, vi } from 'vitest';
import { gather } from '../../src/runtime/index.js';

it('does the first at once, and those that come meanwhile together', async () => {
  const groups: number[][] = [];
  const add = gather(async (items: number[]) => {
    groups.push(items);
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
  await Promise.all([1, 2, 3].map(add));
  await add(4);
  expect(groups).toEqual([[1], [2, 3], [4]]);
});

it('fails all who shared the work that failed, and nobody else', async () => {
  const work = vi
    .fn<(items: string[]) => Promise<void>>()
    .mockResolvedValueOnce()
    .mockRejectedValueOnce(new Error('away'))
    .mockResolvedValueOnce();
  const add = gather(work);
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map(add));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  await add('d');
  expect(work.mock.calls).toEqual([[['a']], [['b', 'c']], [['d']]]);
});
