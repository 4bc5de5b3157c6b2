import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_ROWS } from '../../src/contract/index.js';
import { EMBEDDING_MODEL } from '../../src/memory/index.js';
import { FIRST_WAITING, type Candidate } from '../../src/store/index.js';
import { loadProgram, type Library } from './protocol/library.js';
import { NOW, SYSTEM, World } from './protocol/world.js';

const A = { id: 'a', text: 'alpha walks' };
const B = { id: 'b', text: 'beta walks' };
const LATER = NOW + 200 * 86_400_000;

let library: Library;
let world: World;

beforeAll(async () => {
  library = await loadProgram();
});
beforeEach(async () => {
  world = await World.create(library);
  world.mirrors = ['conversation'];
});
afterEach(() => world.destroy());

async function rowsByTier(): Promise<number[]> {
  const { hot, warm, cold } = await world.store.countTiers();
  const counts = [hot, warm, cold].map(({ rows }) => rows);
  // What is counted as rows come and go is what there is.
  const placed = world.read<{ tier: string; n: number }>(
    'SELECT tier, count(*) AS n FROM placements WHERE deleted = 0 GROUP BY tier',
  );
  expect(counts).toEqual(
    ['hot', 'warm', 'cold'].map((tier) => placed.find((one) => one.tier === tier)?.n ?? 0),
  );
  return counts;
}

/** By vectors that the server made, of a model that is not the hosts'. */
async function nearest(values: Float32Array): Promise<string[]> {
  const query = { model: 'another', values };
  const found = await world.store.searchMadeVectors('hot', query, { tiers: ['hot'] }, 10);
  return found.map(({ memoryId }) => memoryId).sort();
}

async function candidates(term: string): Promise<string[]> {
  const found: Candidate[] = [];
  for (const tier of ['hot', 'warm', 'cold'] as const) {
    found.push(...(await world.store.searchWords(tier, [term], { tiers: [tier] }, 10)));
    const vector = new Float32Array(384).fill(1);
    found.push(
      ...(await world.store.searchVectors(
        tier,
        { model: EMBEDDING_MODEL, values: vector },
        { tiers: [tier] },
        10,
      )),
    );
  }
  const memories = await world.store.fetch(found, ['hot', 'warm', 'cold']);
  return [...new Set(memories.map(({ memoryId }) => memoryId))].sort();
}

describe('an upload of a mirrored system', () => {
  it('deletes the memories that it lacks, and no search finds them', async () => {
    expect(await world.ingest('u1', 1, [A, B])).toEqual({ ...NO_ROWS, new: 2 });
    expect(await candidates('walks')).toEqual(['a', 'b']);
    await world.store.beginModelMove('another');
    const { texts } = await world.store.waitingTexts('another', FIRST_WAITING, 10);
    const vector = new Float32Array(384).fill(1);
    await world.store.keepVectors(
      'another',
      texts.map(({ rowId }) => ({ rowId, vector })),
    );
    expect(await nearest(vector)).toEqual(['a', 'b']);
    expect(await world.ingest('u2', 2, [B], 1)).toEqual({ ...NO_ROWS, unchanged: 1, deleted: 1 });
    expect(await world.find('a')).toBeUndefined();
    expect(await candidates('walks')).toEqual(['b']);
    expect(await candidates('deleted')).toEqual(['b']);
    expect(await nearest(vector)).toEqual(['b']);
    expect(await rowsByTier()).toEqual([1, 0, 0]);
    expect((await world.store.getUpload({ systemId: SYSTEM, uploadId: 'u2' }))?.mirrors).toEqual([
      'conversation',
    ]);
  });

  it('tells what follows the store', async () => {
    await world.ingest('u1', 1, [A]);
    await world.ingest('u2', 2, [], 1);
    await world.ingest('u3', 3, [A], 2);
    const changes = world.read<{ what: string }>('SELECT what FROM changes ORDER BY seq');
    expect(changes.map(({ what }) => what)).toEqual(['placed', 'removed', 'placed']);
  });

  it('may be empty', async () => {
    await world.ingest('u1', 1, [A, B]);
    expect(await world.ingest('u2', 2, [], 1)).toEqual({ ...NO_ROWS, deleted: 2 });
    expect(await rowsByTier()).toEqual([0, 0, 0]);
  });

  it('deletes a memory once', async () => {
    await world.ingest('u1', 1, [A, B]);
    await world.ingest('u2', 2, [B], 1);
    const journals = await world.objectNames('journal/');
    expect(await world.ingest('u3', 3, [B], 2)).toEqual({ ...NO_ROWS, unchanged: 1 });
    expect(await world.objectNames('journal/')).toEqual(journals);
  });

  it('says nothing of kinds that it does not hold', async () => {
    world.covers = ['conversation', 'reflection'];
    world.mirrors = [];
    await world.ingest('u1', 1, [A, { ...B, kind: 'reflection' }]);
    world.covers = ['conversation'];
    world.mirrors = ['conversation'];
    expect(await world.ingest('u2', 2, [], 1)).toEqual({ ...NO_ROWS, deleted: 1 });
    expect(await rowsByTier()).toEqual([1, 0, 0]);
  });

  it('without the setting keeps them, and counts them absent', async () => {
    world.mirrors = [];
    await world.ingest('u1', 1, [A, B]);
    expect(await world.ingest('u2', 2, [B], 1)).toEqual({ ...NO_ROWS, unchanged: 1, absent: 1 });
    expect((await world.find('a'))?.content).toBe(A.text);
  });

  it('brings a deleted memory back, with the text it had, or another', async () => {
    await world.ingest('u1', 1, [A, B]);
    await world.ingest('u2', 2, [], 1);
    const counts = await world.ingest('u3', 3, [A, { ...B, text: 'beta runs' }], 2);
    expect(counts).toEqual({ ...NO_ROWS, changed: 2 });
    expect(await candidates('walks')).toEqual(['a', 'b']);
    expect((await world.find('a'))?.content).toBe(A.text);
    expect((await world.find('b'))?.content).toBe('beta runs');
    expect(await world.rebuilt('a')).toBe(A.text);
  });
});

describe('uploads of a mirrored system out of order', () => {
  it('find what a newer one deleted, or lacked', async () => {
    await world.ingest('u1', 1, [A]);
    await world.ingest('u4', 4, [B], 3);
    // `a` was deleted by u4, `c` was never known to it.
    const late = [A, { id: 'c', text: 'gamma' }];
    expect(await world.ingest('u2', 2, late, 1)).toEqual({ ...NO_ROWS, superseded: 2, absent: 0 });
    expect(await world.ingest('u3', 3, late, 2)).toEqual({ ...NO_ROWS, superseded: 2, absent: 0 });
    expect(await rowsByTier()).toEqual([1, 0, 0]);
    expect(await world.rebuilt('c')).toBeUndefined();
    expect(await world.ingest('u5', 5, late, 4)).toEqual({ ...NO_ROWS, changed: 2, deleted: 1 });
    expect(await rowsByTier()).toEqual([2, 0, 0]);
  });

  it('between two that lack a memory do not bring it back', async () => {
    await world.ingest('u1', 1, [A]);
    await world.ingest('u2', 2, [], 1);
    // Nothing of `a` to delete here, so no version of it stands with this order.
    await world.ingest('u4', 4, [B], 3);
    expect(await world.ingest('u3', 3, [A], 2)).toEqual({ ...NO_ROWS, superseded: 1 });
    expect(await world.find('a')).toBeUndefined();
    expect(await world.rebuilt('a')).toBeUndefined();
  });

  it('that were under way together: a row that a newer one lacks is written again as deleted', async () => {
    await world.register('u1', 1);
    await world.register('u2', 2, 1);
    const first = await world.openIngest('u1', [A]);
    await first.insertRows();
    const journal = await world.putJournal(first, 'u1');
    await world.commit('u2', [B]);
    await world.finish('u2');
    await expect(first.commit(journal)).rejects.toMatchObject({ type: 'WriteSetStale' });
    await first.close();
    expect(await world.commit('u1', [A])).toEqual({ ...NO_ROWS, superseded: 1 });
    await world.finish('u1');
    expect(await world.rebuilt('a')).toBeUndefined();
  });

  it('that were under way together: what a newer one brought is not deleted', async () => {
    await world.ingest('u1', 1, [A, B]);
    await world.register('u2', 2, 1);
    await world.register('u3', 3, 2);
    const second = await world.openIngest('u2', []);
    expect(second.writes).toBe(2);
    await second.insertRows();
    const journal = await world.putJournal(second, 'u2');
    expect(await world.commit('u3', [A])).toEqual({ ...NO_ROWS, unchanged: 1, deleted: 1 });
    await world.finish('u3');
    // By now u3's order stands on it: it is no older memory that u2 lacks.
    expect(await second.commit(journal)).toEqual(NO_ROWS);
    await second.close();
    expect(await rowsByTier()).toEqual([1, 0, 0]);
    expect((await world.find('a'))?.content).toBe(A.text);
  });
});

describe('a deletion', () => {
  it('is not made of what was forgotten meanwhile', async () => {
    await world.ingest('u1', 1, [A, B]);
    world.forget('a');
    world.sql(`DELETE FROM placements WHERE memory_id = 'a'`);
    expect(await world.ingest('u2', 2, [], 1)).toEqual({ ...NO_ROWS, deleted: 1 });
  });

  it('ages like any row, and its journal goes when a cold object keeps it', async () => {
    await world.ingest('u1', 1, [A, B]);
    await world.ingest('u2', 2, [B], 1);
    const { moveToWarm, moveToCold } = library.maintenance;
    expect(await moveToWarm(world.maintenance(), LATER)).toEqual({ due: 2, moved: 2 });
    expect(await rowsByTier()).toEqual([0, 1, 0]);
    const [partition] = await world.store.coldPartitionsDue(LATER, true);
    if (partition === undefined) expect.fail();
    expect(await moveToCold(world.maintenance(), LATER, partition)).toEqual({ due: 2, moved: 2 });
    for (let i = 0; i < 3; i++) await world.sweepAfter(1000);
    expect(await world.objectNames('journal/')).toEqual([]);
    expect(await rowsByTier()).toEqual([0, 0, 1]);
    expect(await candidates('walks')).toEqual(['b']);
    expect(await world.find('a')).toBeUndefined();
    expect([await world.rebuilt('a'), await world.rebuilt('b')]).toEqual([undefined, B.text]);
  });

  it('of a cold memory lands in warm, under its own time, and can be taken back from there', async () => {
    const old = { ...A, age: 100 };
    await world.ingest('u1', 1, [old]);
    const [partition] = await world.store.coldPartitionsDue(NOW, true);
    if (partition === undefined) expect.fail();
    expect(await library.maintenance.moveToCold(world.maintenance(), NOW, partition)).toEqual({
      due: 1,
      moved: 1,
    });
    expect(await world.ingest('u2', 2, [], 1)).toEqual({ ...NO_ROWS, deleted: 1 });
    expect(await candidates('walks')).toEqual([]);
    expect(await world.store.coldPartitionsDue(NOW, true)).toEqual([{ ...partition, rows: 1 }]);
    expect(await world.ingest('u3', 3, [old], 2)).toEqual({ ...NO_ROWS, changed: 1 });
    expect((await world.find('a'))?.tier).toBe('warm');
  });

  it('leaves nothing behind that a sweep does not take', async () => {
    await world.ingest('u1', 1, [A, B]);
    await world.ingest('u2', 2, [B], 1);
    await world.sweepAfter(1000);
    expect(await world.sweepAfter(1000)).toMatchObject({ rows: 1 });
    expect(await world.sweepAfter(1000)).toEqual({ rows: 0, tables: 0, objects: 0 });
    await world.store.close();
    await world.open();
    expect(await rowsByTier()).toEqual([1, 0, 0]);
    expect(await world.find('a')).toBeUndefined();
  });
});
