import { beforeEach, describe, expect, it } from 'vitest';
import {
  stepsOf,
  type MoveAction,
  type Selection,
  type SelectionCursor,
  type Tier,
} from '../../src/contract/index.js';
import { moveChosen, pin } from '../../src/maintenance/index.js';
import { openWorld } from './support.js';
import { NOW, SYSTEM, type World } from './protocol/world.js';

const DAY = 86_400_000;
const ALL: Selection = { systemId: SYSTEM };
const A = { id: 'a', text: 'alpha words', age: 3 };
const B = { id: 'b', text: 'beta words', age: 40 };
const C = { id: 'c', text: 'gamma words', age: 100 };

let world: World;

beforeEach(async () => {
  world = await openWorld();
  await world.ingest('u1', 1, [A, B, C]);
});

/** Every batch of every step, as the workflow has them; returns how many were moved and how many left. */
async function change(
  action: MoveAction,
  to: Tier,
  selection: Selection = ALL,
  batchRows = 1000,
): Promise<{ moved: number; left: number; batches: number }> {
  const context = { ...world.maintenance(), batchRows };
  const totals = { moved: 0, left: 0, batches: 0 };
  for (const step of stepsOf(action, to)) {
    let after: SelectionCursor | null = null;
    do {
      const batch = await moveChosen(context, { selection, ...step, after });
      totals.moved += batch.moved;
      totals.left += batch.left;
      totals.batches++;
      after = batch.next;
    } while (after !== null);
  }
  return totals;
}

async function tiers(): Promise<(Tier | undefined)[]> {
  return [(await world.find('a'))?.tier, (await world.find('b'))?.tier, (await world.find('c'))?.tier];
}

async function found(tier: Tier, word: string): Promise<string[]> {
  const candidates = await world.store.searchWords(tier, [word], { tiers: [tier] }, 10);
  return candidates.map(({ memoryId }) => memoryId).sort();
}

const hashes = async (): Promise<unknown[]> => {
  const { memories } = await world.store.listMemories(SYSTEM, { limit: 10 });
  return memories.map(({ memoryId, hash, content, fields }) => [memoryId, hash, content, fields]);
};

describe('an explicit move', () => {
  it('takes memories of any age to cold, an object for each month', async () => {
    const before = await hashes();
    // One is hot and goes two ways; all of them are of a month of their own.
    expect(await change('move', 'cold')).toEqual({ moved: 4, left: 0, batches: 4 });
    expect(await tiers()).toEqual(['cold', 'cold', 'cold']);
    expect(await world.objectNames('cold/')).toHaveLength(3);
    expect(await hashes()).toEqual(before);
  });

  it('takes what is selected alone, and leaves what is pinned', async () => {
    await world.ingest('u2', 2, [A, B, C, { id: 'd', text: 'delta', age: 3 }], 1);
    const named: Selection = {
      memories: ['a', 'd'].map((memoryId) => ({ systemId: SYSTEM, kind: 'conversation', memoryId })),
    };
    await pin(world.store, { memories: named.memories?.slice(1) ?? [] }, { tier: 'hot', reason: null });
    expect(await change('move', 'warm', named)).toMatchObject({ moved: 1, left: 1 });
    expect((await world.find('a'))?.tier).toBe('warm');
    expect((await world.find('d'))?.tier).toBe('hot');
  });

  it('takes a memory once that is named twice', async () => {
    const key = { systemId: SYSTEM, kind: 'conversation' as const, memoryId: 'a' };
    const named: Selection = { memories: [key, key] };
    expect(await world.store.countSelected(named)).toEqual({ hot: 1, warm: 0, cold: 0 });
    expect(await change('move', 'cold', named)).toEqual({ moved: 2, left: 0, batches: 2 });
    expect(await change('thaw', 'hot', named)).toMatchObject({ moved: 1, left: 0 });
  });
});

describe('a thaw', () => {
  beforeEach(() => change('move', 'cold'));

  it('brings memories back from cold as they were, found by their words, in batches', async () => {
    const before = await hashes();
    expect(await found('cold', 'words')).toEqual(['a', 'b', 'c']);
    expect(await change('thaw', 'warm', ALL, 2)).toEqual({ moved: 3, left: 0, batches: 2 });
    expect(await tiers()).toEqual(['warm', 'warm', 'warm']);
    expect(await found('warm', 'words')).toEqual(['a', 'b', 'c']);
    expect(await hashes()).toEqual(before);
    // From warm once more, their words stand there already.
    expect(await change('thaw', 'hot')).toMatchObject({ moved: 3, left: 0 });
    expect(await found('hot', 'words')).toEqual(['a', 'b', 'c']);
    expect(await hashes()).toEqual(before);
  });

  it('leaves keepers as they are, and nothing behind', async () => {
    const kept = (): unknown[] => world.read('SELECT pid, keeper_id FROM placements ORDER BY pid');
    const before = kept();
    await change('thaw', 'hot');
    expect(kept()).toEqual(before);
    const objects = await world.objectNames('cold/');
    for (let round = 0; round < 2; round++) await world.sweepAfter(1000);
    expect(await world.objectNames('cold/')).toEqual(objects);
    expect(world.read('SELECT * FROM batch_rows')).toEqual([]);
    expect(await world.rebuilt('a')).toBe(A.text);
  });

  it('keeps what it brought back from aging for some days, unless somebody moves it', async () => {
    await change('thaw', 'hot');
    const due = async (): Promise<number> => (await world.store.countDue(NOW)).hot;
    expect(await due()).toBe(0);
    world.now += 7 * DAY;
    // Not that of three days.
    expect(await due()).toBe(2);
    await change('thaw', 'hot');
    expect(await change('move', 'warm')).toEqual({ moved: 3, left: 0, batches: 1 });
    expect(world.read('SELECT * FROM pins')).toEqual([]);
  });

  it('has the server make vectors of what comes from cold', async () => {
    const waiting = async (): Promise<number | undefined> => (await world.store.vectorModels())[0]?.waiting;
    const before = await waiting();
    await change('thaw', 'warm');
    expect([before, await waiting()]).toEqual([0, 3]);
  });

  it('holds a row whose copy is not what it was to be, and brings back the others', async () => {
    // As a damaged object would have it: the row is in none.
    world.sql(`UPDATE placements SET row_id = row_id + 1000 WHERE memory_id = 'a'`);
    expect(await change('thaw', 'warm')).toMatchObject({ moved: 2, left: 1 });
    expect(world.read('SELECT reason FROM held_rows')).toEqual([{ reason: 'row_missing' }]);
  });
});

it('a thaw from warm brings vectors back as they were rounded', async () => {
  const memory = async (): Promise<number[]> =>
    (await world.store.listMemories(SYSTEM, { limit: 10 })).memories[1]?.embedding ?? [];
  const rounded = await memory();
  expect(rounded).toHaveLength(384);
  expect(await change('thaw', 'hot')).toMatchObject({ moved: 2 });
  expect(await tiers()).toEqual(['hot', 'hot', 'hot']);
  expect(await memory()).toEqual(rounded);
});
