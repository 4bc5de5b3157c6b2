import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  moveRoundToCold,
  moveRoundToWarm,
  Pace,
  planTransition,
  type MaintenanceContext,
} from '../../src/maintenance/index.js';
import { gate } from '../support/gate.js';
import { loadProgram } from './protocol/library.js';
import { NOW, World } from './protocol/world.js';

const DAY = 86_400_000;
const YEAR_LATER = NOW + 366 * DAY;

/** Two thirds of them hot, the others of three months. */
const ROWS = Array.from({ length: 30 }, (_, n) => ({
  id: `m${n}`,
  text: `text ${n}`,
  age: n < 20 ? 1 + (n % 5) : 2 * n,
}));

let world: World;

beforeEach(async () => {
  world = await World.create(await loadProgram());
  await world.ingest('u1', 1, ROWS);
});
afterEach(() => world.destroy());

function maintenance(more: Partial<MaintenanceContext> = {}): MaintenanceContext {
  return { ...world.maintenance(), batchRows: 2, ...more };
}

async function tiers(): Promise<Record<string, number>> {
  const { memories } = await world.store.listMemories('host-1', { limit: 100 });
  expect(new Set(memories.map(({ memoryId }) => memoryId)).size).toBe(ROWS.length);
  const counts: Record<string, number> = {};
  for (const { tier } of memories) counts[tier] = (counts[tier] ?? 0) + 1;
  return counts;
}

it('a round moves all that is due, each memory once, two batches at a time', async () => {
  let requested = 0;
  const second = gate();
  // The first is not begun before the second is open.
  const openMove: MaintenanceContext['store']['openMove'] = async (...request) => {
    const isFirst = ++requested === 1;
    const operation = await world.store.openMove(...request);
    if (isFirst) await second.opened;
    else second.open();
    return operation;
  };
  const { hot } = await world.store.countDue(YEAR_LATER);
  const context = maintenance({ store: { ...world.store, openMove } });
  expect(await moveRoundToWarm(context, YEAR_LATER)).toEqual({ due: hot, moved: hot });
  expect(await tiers()).toEqual({ warm: 30 });
  expect(await moveRoundToWarm(context, YEAR_LATER)).toEqual({ due: 0, moved: 0 });

  const { partitions } = await planTransition(maintenance(), { asOf: YEAR_LATER, all: true });
  expect(partitions.length).toBeGreaterThan(1);
  expect(await moveRoundToCold(maintenance(), YEAR_LATER, partitions)).toEqual({ due: 30, moved: 30 });
  expect(await tiers()).toEqual({ cold: 30 });
});

it('is one small batch after the other while somebody searches', async () => {
  await world.store.searchWords('hot', ['text'], { tiers: ['hot'] }, 1);
  const limits: number[] = [];
  let open = 0;
  const openMove: MaintenanceContext['store']['openMove'] = async (asOf, limit, signal) => {
    limits.push(limit);
    expect(++open).toBe(1);
    const operation = await world.store.openMove(asOf, Math.min(limit, 8), signal);
    const close = operation?.close.bind(operation);
    if (operation === undefined || close === undefined) return undefined;
    operation.close = () => close().finally(() => open--);
    return operation;
  };
  const context = maintenance({ store: { ...world.store, openMove }, batchRows: 1_000 });
  await moveRoundToWarm(context, YEAR_LATER);
  expect(limits).toEqual([200, 200, 200, 200]);
  expect(await tiers()).toEqual({ warm: 30 });
});

it('tells what was moved beside a batch that failed, and raises where nothing was', async () => {
  let opened = 0;
  // A double for the fault alone.
  const openMove: MaintenanceContext['store']['openMove'] = (...request) =>
    ++opened > 2 ? Promise.reject(new Error('the disk')) : world.store.openMove(...request);
  const context = maintenance({ store: { ...world.store, openMove } });
  expect(await moveRoundToWarm(context, YEAR_LATER)).toEqual({ due: 4, moved: 4 });
  await expect(moveRoundToWarm(context, YEAR_LATER)).rejects.toThrow('the disk');
  expect((await tiers())['hot']).toBeGreaterThan(0);
});

it('ends once moving is paused', async () => {
  await world.store.pauseTiers('a look');
  expect(await moveRoundToWarm(maintenance(), YEAR_LATER)).toEqual({ due: 0, moved: 0, paused: true });
});

it('is one batch where the rows of a second are limited, until nothing of any month is due', async () => {
  const limited = maintenance({ pace: new Pace(1_000) });
  expect(await moveRoundToWarm(limited, YEAR_LATER)).toEqual({ due: 2, moved: 2 });
  while ((await moveRoundToWarm(limited, YEAR_LATER)).due > 0);
  expect(await tiers()).toEqual({ warm: 30 });
  const { partitions } = await planTransition(maintenance(), { asOf: YEAR_LATER, all: true });
  let rounds = 0;
  while ((await moveRoundToCold(limited, YEAR_LATER, partitions)).due > 0) rounds++;
  expect(rounds).toBeGreaterThanOrEqual(15);
  expect(await tiers()).toEqual({ cold: 30 });
});

it('raises what stopped it, whatever it has moved', async () => {
  const stop = new AbortController();
  // A double that is told to stop once two batches were begun.
  let opened = 0;
  const openMove: MaintenanceContext['store']['openMove'] = (...request) => {
    if (++opened > 2) stop.abort();
    return world.store.openMove(...request);
  };
  const context = maintenance({ store: { ...world.store, openMove } });
  await expect(moveRoundToWarm(context, YEAR_LATER, { signal: stop.signal })).rejects.toThrow();
  await expect(tiers()).resolves.toMatchObject({ warm: expect.any(Number) as number });
});
