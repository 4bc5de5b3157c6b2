import { beforeEach, describe, expect, it } from 'vitest';
import type { MemoryKey, Selection, SelectionCursor } from '../../src/contract/index.js';
import { pin, unpin } from '../../src/maintenance/index.js';
import type { PinPageStart } from '../../src/store/index.js';
import { openWorld } from './support.js';
import { NOW, SYSTEM, type World } from './protocol/world.js';

const DAY = 86_400_000;
const A = { id: 'a', text: 'alpha', age: 3 };
const B = { id: 'b', text: 'beta', age: 2 };
const WARM_AT = NOW + 30 * DAY;
const COLD_AT = NOW + 365 * DAY;

const key = (memoryId: string): MemoryKey => ({ systemId: SYSTEM, kind: 'conversation', memoryId });
const only = (...ids: string[]): Selection => ({ memories: ids.map(key) });
const stay = { tier: null, reason: null };

let world: World;

beforeEach(async () => {
  world = await openWorld();
  await world.ingest('u1', 1, [A, B]);
});

async function age(): Promise<number> {
  return (await world.library.maintenance.moveToWarm(world.maintenance(), WARM_AT)).moved;
}

async function ageToCold(): Promise<number> {
  const { maintenance } = world.library;
  let moved = 0;
  for (const partition of await world.store.coldPartitionsDue(COLD_AT, true))
    moved += (await maintenance.moveToCold(world.maintenance(), COLD_AT, partition)).moved;
  return moved;
}

const tierOf = async (id: string): Promise<string | undefined> => (await world.find(id))?.tier;

describe('a pinned memory', () => {
  it('is neither due nor moved, until it is unpinned', async () => {
    expect(await pin(world.store, only('a'), stay)).toBe(1);
    expect((await world.store.countDue(WARM_AT)).hot).toBe(1);
    expect(await age()).toBe(1);
    expect([await tierOf('a'), await tierOf('b')]).toEqual(['hot', 'warm']);
    expect(await unpin(world.store, only('a'))).toBe(1);
    expect(await age()).toBe(1);
    expect(await tierOf('a')).toBe('warm');
  });

  it('goes as far as the tier it is pinned to', async () => {
    await pin(world.store, only('a'), { tier: 'warm', reason: 'asked for often' });
    expect(await age()).toBe(2);
    expect(await world.store.coldPartitionsDue(COLD_AT, true)).toMatchObject([{ rows: 1 }]);
    expect(await ageToCold()).toBe(1);
    expect([await tierOf('a'), await tierOf('b')]).toEqual(['warm', 'cold']);
    expect((await world.store.explainMemory(key('a'), COLD_AT))?.next?.waitsFor).toMatchObject([
      { what: 'pin', until: null, detail: expect.stringContaining('asked for often') },
    ]);
  });

  it('stays where it is when its host sends a new version, however old', async () => {
    await pin(world.store, only('a'), stay);
    const old = { age: 60 };
    await world.ingest(
      'u2',
      2,
      [
        { ...A, ...old, text: 'alpha again' },
        { ...B, ...old, text: 'beta again' },
      ],
      1,
    );
    expect(await world.find('a')).toMatchObject({ tier: 'hot', content: 'alpha again' });
    expect(await tierOf('b')).toBe('warm');
    expect(await age()).toBe(0);
  });

  it('is left out of a batch that has it already', async () => {
    const move = (await world.store.openMove(WARM_AT, 10)) ?? expect.fail('nothing is due');
    await move.copyRows();
    await move.verifyCopies();
    await pin(world.store, only('a'), stay);
    expect((await move.commit()).moved).toBe(1);
    await move.close();
    expect(await tierOf('a')).toBe('hot');
  });
});

describe('a pinned system', () => {
  it('keeps all that it has, and what comes', async () => {
    expect(await pin(world.store, { systemId: SYSTEM }, stay)).toBe(1);
    await world.ingest('u2', 2, [A, B, { id: 'c', text: 'gamma' }], 1);
    expect(await age()).toBe(0);
    await pin(world.store, only('a'), stay);
    // With those of its memories.
    expect(await unpin(world.store, { systemId: SYSTEM })).toBe(2);
    expect(await age()).toBe(3);
  });
});

it('what is cold has nothing to be kept, unless a tier is named', async () => {
  await age();
  await ageToCold();
  await expect(pin(world.store, only('a'), stay)).rejects.toMatchObject({ type: 'MemoryUnknown' });
  expect(await pin(world.store, only('a'), { tier: 'warm', reason: null })).toBe(1);
});

it('nothing is pinned where nothing is selected', async () => {
  for (const selection of [only('x'), { systemId: 'nobody' }, { project: 'none' }])
    await expect(pin(world.store, selection, stay)).rejects.toMatchObject({ type: 'MemoryUnknown' });
});

it('pins are listed in order, page by page', async () => {
  await pin(world.store, { since: NOW - 10 * DAY }, { tier: 'hot', reason: 'why' });
  await pin(world.store, { systemId: SYSTEM }, stay);
  const listed: unknown[] = [];
  let after: PinPageStart | undefined;
  do {
    const page = await world.store.listPins({ after, limit: 1 });
    listed.push(...page.pins.map(({ memoryId, tier, reason }) => [memoryId, tier, reason]));
    after = page.next ?? undefined;
  } while (after !== undefined);
  expect(listed).toEqual([
    [null, null, null],
    ['a', 'hot', 'why'],
    ['b', 'hot', 'why'],
  ]);
});

it.each<[string, Selection, string[]]>([
  ['a system', { systemId: SYSTEM }, ['a', 'b']],
  ['names', only('b', 'a', 'x'), ['a', 'b']],
  ['a time', { since: NOW - 2.5 * DAY }, ['b']],
  ['a time of a system', { systemId: SYSTEM, until: NOW - 2.5 * DAY }, ['a']],
  ['a kind', { kind: 'entity' }, []],
])('the pages of %s have each memory once, in order of time', async (_, selection, expected) => {
  const ids: string[] = [];
  let after: SelectionCursor | undefined;
  do {
    const page = await world.store.selectMemories(selection, { tier: 'hot', after, limit: 1 });
    ids.push(...page.memories.map(({ memoryId }) => memoryId));
    after = page.next ?? undefined;
  } while (after !== undefined);
  expect(ids).toEqual(expected);
  expect(await world.store.countSelected(selection)).toEqual({ hot: expected.length, warm: 0, cold: 0 });
});
