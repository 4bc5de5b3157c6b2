import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  endTransition,
  forecastTransition,
  moveToCold,
  moveToWarm,
  Pace,
  planTransition,
  sweep,
  type MaintenanceContext,
} from '../../src/maintenance/index.js';
import { loadProgram } from './protocol/library.js';
import { NOW, World } from './protocol/world.js';

const DAY = 86_400_000;
const YEAR_LATER = NOW + 366 * DAY;
const MONTH_LATER = NOW + 30 * DAY;

const ROWS = [
  { id: 'a', text: 'one' },
  { id: 'b', text: 'two' },
  { id: 'c', text: 'three', age: 40 },
];

let world: World;

beforeEach(async () => {
  world = await World.create(await loadProgram());
});
afterEach(() => world.destroy());

function maintenance(more: Partial<MaintenanceContext> = {}): MaintenanceContext {
  return { ...world.maintenance(), ...more };
}

async function moveAll(context: MaintenanceContext, transitionId: string): Promise<void> {
  while ((await moveToWarm(context, YEAR_LATER, { transitionId })).moved > 0);
  const { partitions } = await planTransition(context, { asOf: YEAR_LATER, all: true });
  for (const partition of partitions) await moveToCold(context, YEAR_LATER, partition, { transitionId });
}

describe('a paused store', () => {
  it('begins no batch and plans none, whoever asks, until it is resumed', async () => {
    await world.ingest('u1', 1, ROWS);
    expect(await world.store.resumeTiers()).toBe(false);
    await world.store.pauseTiers('the disk');
    expect(await world.store.tierPause()).toEqual({ since: world.now, reason: 'the disk' });
    expect(await moveToWarm(maintenance(), MONTH_LATER)).toEqual({ due: 0, moved: 0, paused: true });
    expect(await sweep(maintenance())).toEqual({ rows: 0, tables: 0, objects: 0, paused: true });
    const partition = { systemId: 'host-1', year: 2026, month: 10, rows: 1 };
    expect(await moveToCold(maintenance(), YEAR_LATER, partition)).toMatchObject({ paused: true });
    expect(await planTransition(maintenance(), { asOf: MONTH_LATER, all: true })).toEqual({
      hot: 0,
      warm: 0,
      partitions: [],
      paused: true,
    });
    // It stands in the catalog, so it holds over a restart.
    await world.store.close();
    await world.open();
    expect(await moveToWarm(maintenance(), MONTH_LATER)).toMatchObject({ paused: true });
    expect(await world.store.resumeTiers()).toBe(true);
    expect(await moveToWarm(maintenance(), MONTH_LATER)).toMatchObject({ due: 2, moved: 2 });
  });

  it('lets a batch end that is under way', async () => {
    await world.ingest('u1', 1, ROWS);
    const move = await world.store.openMove(MONTH_LATER, 10);
    await world.store.pauseTiers('the disk');
    await move?.copyRows();
    await move?.verifyCopies();
    expect(await move?.commit()).toMatchObject({ moved: 2 });
    await move?.close();
  });
});

describe('a limited pace', () => {
  it('spreads rows over time, in batches of some seconds, and is broken off by the signal', async () => {
    await world.ingest('u1', 1, ROWS);
    const pace = new Pace(10);
    expect(pace.batchRows(1000)).toBe(50);
    const begunAt = performance.now();
    await moveToWarm(maintenance({ pace }), MONTH_LATER);
    const { signal } = new AbortController();
    await moveToWarm(maintenance({ pace }), MONTH_LATER, { signal });
    expect(performance.now() - begunAt).toBeGreaterThan(199);
    pace.moved(100, performance.now());
    await expect(
      moveToWarm(maintenance({ pace }), MONTH_LATER, { signal: AbortSignal.timeout(20) }),
    ).rejects.toThrow();
  });
});

describe('a dry run', () => {
  it('tells rows and objects by tier, system and month, and changes nothing', async () => {
    await world.ingest('u1', 1, ROWS);
    const before = await world.store.countTiers();
    const forecast = await forecastTransition(maintenance({ batchRows: 1 }), {
      asOf: YEAR_LATER,
      all: true,
      limit: 2,
    });
    expect(forecast).toEqual({
      asOf: YEAR_LATER,
      rows: { toWarm: 2, toCold: 3 },
      objects: 3,
      expiring: { cutoff: world.now - 2_557 * DAY, memories: 0 },
      parts: [
        { step: 'cold', systemId: 'host-1', month: '2026-10', rows: 1, objects: 1 },
        { step: 'cold', systemId: 'host-1', month: '2026-11', rows: 2, objects: 2 },
      ],
      partsLeftOut: 1,
    });
    expect(await world.store.countTiers()).toEqual(before);
    await moveAll(maintenance({ batchRows: 1 }), 't1');
    const objects = await world.objectNames('cold/');
    expect(objects.length).toBe(2);
  });
});

describe('the report of a transition', () => {
  it('counts what moved and was written, by step, system and month', async () => {
    await world.ingest('u1', 1, ROWS);
    await world.store.beginTransition('t1', YEAR_LATER);
    await moveAll(maintenance(), 't1');
    world.now += 2500;
    const swept = await sweep(maintenance());
    const summary = await endTransition(maintenance(), 't1', swept);
    expect(summary).toMatchObject({ toWarm: 2, toCold: 3, held: 0, objects: 2, seconds: 2.5 });
    const [report] = await world.store.transitionReports(1, 10);
    expect(report).toMatchObject({
      transitionId: 't1',
      asOf: YEAR_LATER,
      outcome: 'done',
      swept,
      partsLeftOut: 0,
    });
    expect(report?.parts).toMatchObject([
      { step: 'cold', systemId: 'host-1', month: '2026-10', rows: 1, objects: 1 },
      { step: 'cold', systemId: 'host-1', month: '2026-11', rows: 2, objects: 1 },
      { step: 'warm', systemId: 'host-1', month: '2026-11', rows: 2, objects: 0 },
    ]);
    expect(report?.totals.bytes).toBe((await world.store.countTiers()).cold.bytes);
  });

  it('counts a batch once that is tried again after its transaction, and one that nobody began nowhere', async () => {
    await world.ingest('u1', 1, ROWS);
    await world.store.beginTransition('t1', MONTH_LATER);
    await moveToWarm(maintenance(), MONTH_LATER, { transitionId: 't1' });
    await moveToWarm(maintenance(), MONTH_LATER, { transitionId: 't1' });
    await moveToCold(
      maintenance(),
      YEAR_LATER,
      { systemId: 'host-1', year: 2026, month: 11, rows: 2 },
      { transitionId: 'unknown' },
    );
    const reports = await world.store.transitionReports(10, 10);
    expect(reports).toMatchObject([{ transitionId: 't1', outcome: null, totals: { toWarm: 2, toCold: 0 } }]);
    expect(await endTransition(maintenance(), 'unknown', null)).toMatchObject({ seconds: 0 });
  });

  it('says which rows were held', async () => {
    await world.ingest('u1', 1, ROWS);
    await world.store.beginTransition('t1', MONTH_LATER);
    world.sql(`UPDATE placements SET row_id = 999 WHERE memory_id = 'a'`);
    await moveToWarm(maintenance(), MONTH_LATER, { transitionId: 't1' });
    const [report] = await world.store.transitionReports(1, 1);
    expect(report?.parts).toMatchObject([{ step: 'warm', rows: 1, held: 1 }]);
  });

  it('is kept for 30 days', async () => {
    await world.store.beginTransition('t1', NOW);
    world.now += 31 * DAY;
    await sweep(maintenance());
    expect(await world.store.transitionReports(1, 1)).toEqual([]);
  });
});
