import { expect, it } from 'vitest';
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

it('does those together that come within the pause behind it, and waits for nobody without one', async () => {
  const groups: number[][] = [];
  let pause = 50;
  const add = gather(
    (items: number[]) => {
      groups.push(items);
      return Promise.resolve();
    },
    () => pause,
  );
  await add(1);
  const [second, third] = [add(2), add(3)];
  pause = 0;
  await Promise.all([second, third]);
  await add(4);
  await add(5);
  expect(groups).toEqual([[1], [2, 3], [4], [5]]);
});

it('fails only those whose own item does', async () => {
  const tried: string[][] = [];
  const add = gather((items: string[]) => {
    tried.push(items);
    return items.includes('bad') ? Promise.reject(new Error('refused')) : Promise.resolve();
  });
  const outcomes = await Promise.allSettled(['a', 'bad', 'c'].map(add));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  await add('d');
  expect(tried).toEqual([['a'], ['bad', 'c'], ['bad'], ['c'], ['d']]);
});
