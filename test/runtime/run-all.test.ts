import { expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { runAll } from '../../src/runtime/index.js';

it('runs every step in order, also after one that failed or threw, and raises what failed', async () => {
  const ran: number[] = [];
  const first = new AkoshaError('StoreClosed', 'first');
  const fail = (step: number, error: Error): Promise<void> => (ran.push(step), Promise.reject(error));
  const steps = [() => fail(1, first), () => void ran.push(2)];
  await expect(runAll(steps)).rejects.toBe(first);
  const throwing = (): Promise<void> => {
    ran.push(3);
    throw new Error('second');
  };
  await expect(runAll([...steps, throwing, () => void ran.push(4)])).rejects.toMatchObject({
    message: 'first; second',
    cause: first,
  });
  expect(ran).toEqual([1, 2, 1, 2, 3, 4]);
  await runAll([]);
});
