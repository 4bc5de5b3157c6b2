import { expect, it } from 'vitest';
import { inTurns } from '../../src/ingest/inbox-turns.js';
import type { NewEntry } from '../../src/ingest/inbox-scan.js';

const entry = (systemId: string, at: number): NewEntry => ({ place: { systemId, uploadId: `${at}` }, at });

it('takes the newest hundred first, then the longest waiting and the newest in turn', () => {
  const entries = Array.from({ length: 800 }, (_, at) => entry(`system-${at}`, at));
  const portions = [...inTurns(entries)].map(({ entries: some, newest }) => [
    some[0]?.at,
    some.at(-1)?.at,
    newest,
  ]);
  expect(portions).toEqual([
    [700, 799, true],
    [0, 199, false],
    [500, 699, false],
    [200, 399, false],
    [400, 499, false],
  ]);
});

it('takes one of each system before the second of any, the oldest of its own', () => {
  const noisy = Array.from({ length: 1_000 }, (_, at) => entry('noisy', at));
  const quiet = Array.from({ length: 150 }, (_, n) => entry(`quiet-${n}`, 2_000 + n));
  const portions = [...inTurns([...noisy, ...quiet])];
  expect(portions.map(({ entries }) => entries.length)).toEqual([100, 51, 200, 200, 200, 200, 199]);
  const order = portions.flatMap(({ entries }) => entries);
  expect(order.findIndex(({ place }) => place.systemId === 'noisy')).toBe(100);
  expect(order.slice(151).map(({ at }) => at)).toEqual(Array.from({ length: 999 }, (_, n) => n + 1));
});

it('has no portion of nothing, and none twice', () => {
  expect([...inTurns([])]).toEqual([]);
  for (const count of [1, 100, 101, 300, 301, 500]) {
    const entries = Array.from({ length: count }, (_, at) => entry(`system-${at}`, at));
    const order = [...inTurns(entries)].flatMap(({ entries: some }) => some.map(({ at }) => at));
    expect(order.toSorted((a, b) => a - b)).toEqual(entries.map(({ at }) => at));
  }
});
