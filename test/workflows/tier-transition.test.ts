import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type {
  ColdPartitionPlan,
  StoreActivities,
  TierTransitionInput,
  TierTransitionResult,
} from '../../src/contract/index.js';
import { createNamespace, gate, type RunningWorkers, type TestNamespace } from '../support/temporal.js';

const NOON = Date.parse('2026-11-22T12:00:00Z');

const REPORT = {
  toWarm: 0,
  toCold: 0,
  compacted: 0,
  expired: 0,
  held: 0,
  objects: 0,
  bytes: 0,
  seconds: 1.5,
};

const COMPACTED = { rows: 2, sources: 2, objects: 1, failed: 0 };

function partition(systemId: string, month: number, rows: number): ColdPartitionPlan {
  return { systemId, year: 2026, month, rows };
}

/** A double that keeps counts instead of rows: the tests are about which batches are asked for, and when it ends. */
class CountingStore {
  readonly calls: string[] = [];
  hot = 0;
  warm: ColdPartitionPlan[] = [];
  /** Partitions of which no batch moves anything. */
  stuck = new Set<string>();
  batch = 10;
  /** Batches until somebody pauses it. */
  left = Infinity;
  /** Of which there are cold objects to merge. */
  small: { systemId: string; year: number; month: number }[] = [];

  readonly activities: Partial<StoreActivities> = {
    planTransition: ({ asOf, all }) => {
      this.calls.push(`plan${all ? ' all' : ''}`);
      if (this.left <= 0)
        return Promise.resolve({ asOf: asOf ?? NOON, hot: 0, warm: 0, partitions: [], paused: true });
      const partitions = this.warm.filter(({ rows }) => rows > 0);
      return Promise.resolve({ asOf: asOf ?? NOON, hot: this.hot, warm: 0, partitions });
    },
    moveToWarm: ({ asOf }) => {
      this.calls.push(`warm ${new Date(asOf).toISOString()}`);
      if (this.left-- <= 0) return Promise.resolve({ due: 0, moved: 0, paused: true });
      const due = Math.min(this.hot, this.batch);
      if (this.stuck.has('hot')) return Promise.resolve({ due, moved: 0 });
      this.hot -= due;
      return Promise.resolve({ due, moved: due });
    },
    moveToCold: ({ partition, others = [] }) => {
      const lot = [partition, ...others];
      this.calls.push(`cold ${lot.map(({ systemId, month }) => `${systemId} ${month}`).join(', ')}`);
      if (this.left-- <= 0) return Promise.resolve({ due: 0, moved: 0, paused: true });
      const summary = { due: 0, moved: 0 };
      for (const { systemId, month } of lot) {
        const found = this.warm.find((one) => one.systemId === systemId && one.month === month);
        const due = Math.min(found?.rows ?? 0, this.batch);
        summary.due += due;
        if (found === undefined || this.stuck.has(systemId)) continue;
        summary.moved += due;
        found.rows -= due;
      }
      return Promise.resolve(summary);
    },
    planCompaction: () => {
      this.calls.push('compaction');
      return Promise.resolve({ partitions: this.small });
    },
    compactCold: ({ partition: { systemId } }) => {
      if (this.left-- <= 0) return Promise.resolve({ ...COMPACTED, paused: true });
      this.calls.push(`compact ${systemId}`);
      return Promise.resolve(COMPACTED);
    },
    sweep: () => {
      this.calls.push('sweep');
      return Promise.resolve({ rows: 7, tables: 2, objects: 1 });
    },
    endTransition: ({ swept }) => {
      this.calls.push(swept === null ? 'end paused' : 'end');
      return Promise.resolve(REPORT);
    },
  };
}

describe('tierTransition', () => {
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;

  const transition = async (
    store: CountingStore,
    input?: Pick<TierTransitionInput, 'asOf' | 'all'>,
  ): Promise<TierTransitionResult> => {
    workers = await temporal.runWorkers({ store: store.activities });
    return (await temporal.client.runTierTransition(input)).result();
  };

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
  });
  afterEach(async () => {
    await workers?.stop();
    workers = undefined;
  });
  afterAll(() => temporal.close());

  it('plans, finds nothing, and sweeps', async () => {
    const store = new CountingStore();
    expect(await transition(store)).toEqual({
      asOf: '2026-11-22T12:00:00.000Z',
      toWarm: 0,
      toCold: 0,
      sweptRows: 7,
      sweptTables: 2,
      sweptObjects: 1,
      report: REPORT,
    });
    expect(store.calls).toEqual(['plan', 'compaction', 'sweep', 'end']);
  });

  it('moves hot rows, then plans again and empties each partition, until no plan names one', async () => {
    const store = new CountingStore();
    store.hot = 15;
    store.warm = [partition('a', 1, 12), partition('b', 2, 10)];
    const result = await transition(store, { asOf: '2026-12-01T00:00:00Z', all: true });
    expect(result).toMatchObject({ asOf: '2026-12-01T00:00:00.000Z', toWarm: 15, toCold: 22 });
    const warm = 'warm 2026-12-01T00:00:00.000Z';
    expect(store.calls).toEqual([
      'plan all',
      ...[warm, warm, warm],
      'plan all',
      ...['cold a 1, b 2', 'cold a 1, b 2', 'cold a 1, b 2'],
      'plan all',
      'compaction',
      'sweep',
      'end',
    ]);
  });

  it('moves large partitions one by one, and small ones together', async () => {
    const store = new CountingStore();
    store.batch = 100_000;
    store.warm = [...[30_000, 15_000, 5_000, 1, 60_000, 7]].map((rows, n) => partition(`s${n}`, 1, rows));
    expect((await transition(store)).toCold).toBe(110_008);
    const lots = ['cold s0 1, s1 1, s2 1', 'cold s3 1', 'cold s4 1', 'cold s5 1'];
    expect(store.calls.filter((call) => call.startsWith('cold'))).toEqual(lots.flatMap((lot) => [lot, lot]));
  });

  it('leaves a partition whose rows keep changing to the next transition, and moves the others', async () => {
    const store = new CountingStore();
    store.warm = [partition('restless', 1, 5), partition('calm', 1, 5)];
    store.stuck.add('restless');
    const result = await transition(store);
    expect(result.toCold).toBe(5);
    expect(store.calls).toEqual([
      'plan',
      ...['cold restless 1, calm 1', 'cold restless 1, calm 1', 'cold restless 1, calm 1'],
      'plan',
      ...['cold restless 1', 'cold restless 1'],
      'compaction',
      'sweep',
      'end',
    ]);
  });

  it('gives up on hot rows that keep changing, and still comes to the cold ones', async () => {
    const store = new CountingStore();
    store.hot = 5;
    store.warm = [partition('calm', 1, 5)];
    store.stuck.add('hot');
    const result = await transition(store);
    expect(result).toMatchObject({ toWarm: 0, toCold: 5 });
    expect(store.calls.filter((call) => call.startsWith('warm'))).toHaveLength(2);
  });

  it('merges cold objects before it sweeps, and no more of them once it is paused', async () => {
    const store = new CountingStore();
    store.small = ['a', 'b'].map((systemId) => ({ systemId, year: 2026, month: 1 }));
    await transition(store);
    expect(store.calls).toEqual(['plan', 'compaction', 'compact a', 'compact b', 'sweep', 'end']);
    await workers?.stop();
    store.calls.length = 0;
    store.left = 1;
    expect(await transition(store)).toMatchObject({ paused: true });
    expect(store.calls).toEqual(['plan', 'compaction', 'compact a', 'end paused']);
  });

  it.each([
    ['before it begins', 0, ['plan', 'end paused'], 0],
    ['among hot rows', 1, ['plan', 'warm', 'warm', 'end paused'], 10],
    ['before cold ones', 3, ['plan', 'warm', 'warm', 'warm', 'plan', 'end paused'], 15],
    ['among cold rows', 4, ['plan', 'warm', 'warm', 'warm', 'plan', 'cold', 'cold', 'end paused'], 35],
  ])('paused %s stops after its batch, and sweeps nothing', async (_, batches, calls, moved) => {
    const store = new CountingStore();
    store.hot = 15;
    store.warm = [partition('a', 1, 12), partition('b', 2, 10)];
    store.left = batches;
    const result = await transition(store);
    expect(store.calls.map((call) => (call === 'end paused' ? call : call.split(' ')[0]))).toEqual(calls);
    expect(result).toMatchObject({ paused: true, sweptRows: 0 });
    expect(result.toWarm + result.toCold).toBe(moved);
  });

  it('tells of a sweep that a pause ended', async () => {
    const store = new CountingStore();
    store.activities.sweep = () => Promise.resolve({ rows: 7, tables: 0, objects: 0, paused: true });
    expect(await transition(store)).toMatchObject({ paused: true, sweptRows: 7 });
  });

  it('goes on behind rows that cannot be moved, however many batches hold nothing else', async () => {
    const store = new CountingStore();
    store.hot = 35;
    const move = store.activities.moveToWarm;
    let batches = 0;
    store.activities.moveToWarm = async (input) => {
      const batch = (await move?.(input)) ?? { due: 0, moved: 0 };
      if (++batches > 3) return batch;
      return {
        ...batch,
        moved: 0,
        held: [{ reason: 'row_missing', rows: batch.due, example: 'a/conversation/1' }],
      };
    };
    expect((await transition(store)).toWarm).toBe(5);
  });

  it('ends where a plan names rows of which no batch is ever due', async () => {
    const store = new CountingStore();
    store.warm = [partition('phantom', 1, 5)];
    store.activities.moveToCold = () => Promise.resolve({ due: 0, moved: 0 });
    expect((await transition(store)).toCold).toBe(0);
  });

  it('shows the tier it fills', async () => {
    const store = new CountingStore();
    store.warm = [partition('shown', 1, 15)];
    const reached = gate();
    const seen = gate();
    const move = store.activities.moveToCold;
    let batches = 0;
    workers = await temporal.runWorkers({
      store: {
        ...store.activities,
        moveToCold: async (input) => {
          batches += 1;
          if (batches === 2) {
            reached.open();
            await seen.opened;
          }
          return (await move?.(input)) ?? { due: 0, moved: 0 };
        },
      },
    });
    const run = await temporal.client.runTierTransition();
    await reached.opened;
    expect(await run.progress()).toMatchObject({
      phase: 'cold',
      done: 10,
      total: 15,
      unit: 'rows',
      tier: 'cold',
    });
    seen.open();
    await run.result();
    expect(await run.progress()).toMatchObject({ phase: 'done', tier: 'cold' });
    expect(await temporal.searchAttributes(run.workflowId)).toEqual({
      AkoshaPhase: 'done',
      AkoshaTier: 'cold',
    });
    expect(await temporal.details(run.workflowId)).toBe(
      '**done**: rows: to warm 0, to cold 15; swept: rows 7, tables 2, objects 1\n- tier `cold`',
    );
  });

  it('refuses a time that is none, before it starts and in the workflow', async () => {
    await expect(temporal.client.runTierTransition({ asOf: 'yesterday' })).rejects.toMatchObject({
      type: 'BadRequest',
    });
    const store = new CountingStore();
    workers = await temporal.runWorkers({ store: store.activities });
    const { workflow } = temporal.client.connection.temporal;
    const started = workflow.execute('tierTransition', {
      taskQueue: 'akosha',
      workflowId: 'by-hand',
      args: [{ asOf: 'yesterday' }],
    });
    await expect(started).rejects.toMatchObject({ cause: { type: 'BadRequest' } });
    expect(store.calls).toEqual([]);
  });
});
