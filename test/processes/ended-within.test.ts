import { expect, it } from 'vitest';
import { endedWithin } from '../../src/processes/ended-within.js';

const lines: string[] = [];
const log = { warn: (_details: unknown, text: string) => void lines.push(text) };
const never = new Promise<void>(() => undefined);

it('waits for all that ends in time, and raises what failed', async () => {
  lines.length = 0;
  await endedWithin([Promise.resolve()], 60_000, log);
  await expect(endedWithin([Promise.reject(new Error('failed'))], 60_000, log)).rejects.toThrow('failed');
  expect(lines).toEqual([]);
});

it('waits no longer than it may for what hangs, and says so', async () => {
  lines.length = 0;
  await endedWithin([Promise.resolve(), never], 50, log);
  expect(lines).toEqual(['background work did not end in time; the next start goes on with it']);
});
