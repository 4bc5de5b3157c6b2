import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { compactCold, moveToCold, planCompaction } from '../../src/maintenance/index.js';
import { NOW, SYSTEM, type World } from './protocol/world.js';
import { openWorld } from './support.js';

const DAY = 86_400_000;
const YEAR_LATER = NOW + 366 * DAY;

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

async function intoCold(batchRows = 1): Promise<void> {
  const context = { ...world.maintenance(), batchRows };
  for (const partition of await world.store.coldPartitionsDue(YEAR_LATER, true)) {
    while ((await moveToCold(context, YEAR_LATER, partition)).due > 0);
  }
}

async function compactAll(all = true): Promise<{ rows: number; objects: number; failed: number }> {
  const sum = { rows: 0, objects: 0, failed: 0 };
  for (const partition of await world.store.compactionsDue(all)) {
    const { rows, objects, failed } = await compactCold(world.maintenance(), partition, { all });
    sum.rows += rows;
    sum.objects += objects;
    sum.failed += failed;
  }
  return sum;
}

async function sweepTwice(): Promise<void> {
  await world.sweepAfter(1000);
  await world.sweepAfter(1000);
}

const ROWS = [
  { id: 'a', text: 'one', age: 200 },
  { id: 'b', text: 'two', age: 201 },
  { id: 'c', text: 'three', age: 240 },
];

describe('compaction', () => {
  it('merges the small objects of a system and month into one, and the sweep takes them', async () => {
    await world.ingest('u1', 1, ROWS);
    await intoCold();
    expect(await world.objectNames('cold/')).toHaveLength(3);
    expect(await compactAll()).toEqual({ rows: 2, objects: 1, failed: 0 });
    expect(await world.objectNames('cold/')).toHaveLength(4);
    for (const { id, text } of ROWS)
      expect(await world.find(id)).toMatchObject({ tier: 'cold', content: text });
    await sweepTwice();
    expect(await world.objectNames('cold/')).toHaveLength(2);
    for (const { id, text } of ROWS) {
      expect(await world.find(id)).toMatchObject({ tier: 'cold', content: text });
      expect(await world.rebuilt(id)).toBe(text);
    }
    expect(await world.store.compactionsDue(true)).toEqual([]);
  });

  it('writes rows no more that were superseded, and counts what it wrote', async () => {
    await world.ingest('u1', 1, ROWS.slice(0, 2));
    await intoCold(10);
    await world.ingest('u2', 2, [{ id: 'a', text: 'another', age: 200 }], 1);
    await world.store.beginTransition('t1', NOW);
    const [partition] = await world.store.compactionsDue(false);
    if (partition === undefined) expect.fail();
    await compactCold(world.maintenance(), partition, { all: false, transitionId: 't1' });
    await sweepTwice();
    const [report] = await world.store.transitionReports(1, 10);
    expect(report?.totals).toMatchObject({ compacted: 1, objects: 1 });
    expect(report?.parts).toMatchObject([{ step: 'compacted', systemId: SYSTEM, rows: 1 }]);
    const [object, ...others] = await world.objectNames('cold/');
    expect(others).toEqual([]);
    expect(String(object)).toContain('cold/');
    expect(await world.find('b')).toMatchObject({ tier: 'cold', content: 'two' });
    expect(await world.find('a')).toMatchObject({ content: 'another' });
  });

  it('takes its turn once a day, on demand always, and none while moving is paused', async () => {
    await world.ingest('u1', 1, ROWS);
    await intoCold();
    const context = world.maintenance();
    // A fault, injected: the look at the objects fails, and costs no turn.
    vi.spyOn(world.store, 'compactionsDue').mockRejectedValueOnce(new Error('the disk'));
    await expect(planCompaction(context, { all: false, asOf: NOW })).rejects.toThrow('the disk');
    expect(await planCompaction(context, { all: false, asOf: NOW })).toHaveLength(1);
    expect(await planCompaction(context, { all: false, asOf: NOW })).toEqual([]);
    expect(await planCompaction(context, { all: true, asOf: NOW })).toHaveLength(1);
    world.now += DAY;
    expect(await planCompaction(context, { all: false, asOf: NOW })).toHaveLength(1);
    await world.store.pauseTiers('the disk');
    expect(await planCompaction(context, { all: true, asOf: NOW })).toEqual([]);
    const partition = { systemId: SYSTEM, year: 2026, month: 5 };
    expect(await compactCold(context, partition, { all: true })).toMatchObject({ paused: true });
  });

  it('by itself leaves a large object alone until small ones add up', async () => {
    const many = (ids: string, n: number) =>
      Array.from({ length: n }, (_, i) => ({ id: `${ids}${i}`, text: `${ids} ${i}`, age: 200 }));
    await world.ingest('u1', 1, many('large', 9));
    await intoCold(100);
    await world.ingest('u2', 2, many('small', 1), 1);
    await intoCold(100);
    expect(await world.store.compactionsDue(false)).toEqual([]);
    await world.ingest('u3', 3, many('more', 4), 2);
    await intoCold(100);
    expect(await compactAll(false)).toMatchObject({ objects: 1, rows: 14 });
  });

  it('merges no more bytes than a search downloads for one row', async () => {
    await world.ingest('u1', 1, ROWS.slice(0, 2));
    await intoCold();
    // As if their texts were long.
    world.sql(`UPDATE objects SET bytes = 40000000 WHERE kind = 'cold'`);
    expect(await world.store.compactionsDue(true)).toEqual([]);
    world.sql(`UPDATE objects SET bytes = 20000000 WHERE kind = 'cold'`);
    expect(await world.store.compactionsDue(true)).toHaveLength(1);
  });

  it('has nothing to write anew after a rebuild, nor after a forget', async () => {
    await world.ingest('u1', 1, [...ROWS, { id: 'd', text: 'four', age: 202 }]);
    await world.putReceipt('u1');
    await intoCold(10);
    await world.forgetAll({ scope: 'memory', systemId: SYSTEM, kind: 'conversation', memoryId: 'd' });
    expect(await world.store.compactionsDue(true)).toEqual([]);
    await world.lose();
    await world.rebuild();
    expect(await world.store.compactionsDue(true)).toEqual([]);
  });

  it('leaves a group of which an object is damaged, tells of it, and merges the others', async () => {
    await world.ingest('u1', 1, [...ROWS, { id: 'd', text: 'four', age: 241 }]);
    await intoCold();
    const [damaged = ''] = await world.objectNames('cold/');
    await world.store.close();
    await world.open();
    await rm(path.join(world.folder, 'cache'), { recursive: true, force: true });
    const file = await open(path.join(world.folder, 'objects', damaged), 'r+');
    await file.write(Buffer.from('damage'), 0, 6, 100);
    await file.close();
    expect(await compactAll()).toEqual({ rows: 2, objects: 1, failed: 1 });
  });
});
