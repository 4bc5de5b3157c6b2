import { beforeEach, describe, expect, it } from 'vitest';
import type { ScrubCursor } from '../../src/contract/index.js';
import { scrubPortion } from '../../src/maintenance/index.js';
import { openWorld } from '../store/support.js';
import { DAY, NOW, SYSTEM, type World } from '../store/protocol/world.js';

/** Hot, on two days, warm, and old enough for cold. */
const ROWS = [
  { id: 'a', text: 'alpha', age: 1 },
  { id: 'b', text: 'beta', age: 3 },
  { id: 'c', text: 'gamma', age: 30 },
  { id: 'd', text: 'delta', age: 200 },
];

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await world.ingest('u1', 1, ROWS);
  await world.moveAllToCold();
});

const standing = async (): Promise<string[]> =>
  (await world.store.standingFindings(100)).map(({ kind, subject }) => `${kind} ${subject}`);

/** That memories of this own time and before have expired. */
const expiry = (cutoff: number): string =>
  `INSERT INTO expiries (expiry_id, decided_at, decided_by, kept_days, cutoff, before_id) VALUES ('x', 1, 'a test', 1, ${cutoff}, 1)`;

/** Changes one byte of an object in place, past every check of ours. */
async function flip(key: string): Promise<Buffer> {
  const bytes = await world.archive.get(key);
  const changed = Buffer.from(bytes);
  const middle = Math.floor(changed.length / 2);
  changed[middle] = (changed[middle] ?? 0) ^ 1;
  await world.archive.put(key, changed);
  return bytes;
}

async function one(prefix: 'journal/' | 'cold/'): Promise<string> {
  const [key, ...more] = await world.objectNames(prefix);
  expect(more).toEqual([]);
  return key ?? expect.fail('no object');
}

describe('a scrub', () => {
  it('of a store as it should be finds nothing, and says what it looked at', async () => {
    // Replaced, deleted rows that wait for the sweep, what an attempt left, and what is kept by more than one object.
    await world.ingest('u2', 2, [{ id: 'a', text: 'alpha again', age: 1 }], 1);
    await world.register('u3', 3, 2);
    const dead = await world.openIngest('u3', [{ id: 'e', text: 'never committed' }]);
    await dead.insertRows();
    await dead.close();
    expect(await world.scrub()).toMatchObject({ objects: 3, placements: 7, findings: 0, skipped: [] });
    expect(await world.store.checks('scrub', 1)).toMatchObject([{ checkId: 'scrub-1', passed: true }]);
    expect(await world.store.movingStop()).toBeUndefined();
  });

  it.each(['journal/', 'cold/'] as const)(
    'finds a byte of %s that changed, and an object that is gone',
    async (prefix) => {
      const key = await one(prefix);
      const bytes = await flip(key);
      expect(await world.scrub()).toMatchObject({ findings: 1 });
      const [finding] = await world.store.standingFindings(10);
      expect(finding).toMatchObject({ kind: 'object_differs', subject: key });
      expect(finding?.expected).toMatch(/^\d+ bytes, SHA-256 [0-9a-f]{64}$/);
      expect(finding?.found).not.toBe(finding?.expected);
      // Still there, it is found again, and is the same.
      await world.archive.delete([key]);
      expect(await world.scrub('scrub-2')).toMatchObject({ findings: 1 });
      expect(await standing()).toEqual([`object_differs ${key}`, `object_missing ${key}`]);
      expect(await world.store.releaseFindings('put back')).toBe(2);
      await world.archive.put(key, bytes);
      expect(await world.scrub('scrub-3')).toMatchObject({ findings: 0 });
    },
  );

  it('finds a memory that the object which is to keep it does not have', async () => {
    world.sql(`UPDATE placements SET hash = '${'0'.repeat(64)}' WHERE memory_id = 'd'`);
    world.sql(
      `UPDATE placements SET keeper_id = (SELECT object_id FROM objects WHERE kind = 'cold') WHERE memory_id = 'a'`,
    );
    await world.scrub();
    const cold = await one('cold/');
    expect((await standing()).toSorted()).toEqual([
      `object_lacks_row ${SYSTEM}/conversation/a in ${cold}`,
      `object_lacks_row ${SYSTEM}/conversation/d in ${cold}`,
    ]);
  });

  it('finds a placement whose row is not in its tier, or is another, and a tier without the table', async () => {
    world.sql(`UPDATE placements SET row_id = row_id + 1000000 WHERE memory_id = 'a'`);
    world.sql(`UPDATE placements SET hash = '${'0'.repeat(64)}' WHERE memory_id = 'b'`);
    world.sql(`UPDATE placements SET own_time = own_time + ${400 * DAY} WHERE memory_id = 'c'`);
    await world.scrub();
    expect((await standing()).filter((line) => line.startsWith('row_')).toSorted()).toEqual([
      `row_differs ${SYSTEM}/conversation/b in hot`,
      `row_missing ${SYSTEM}/conversation/a in hot`,
      `row_missing ${SYSTEM}/conversation/c in warm`,
    ]);
  });

  it('finds rows of hot, warm and cold whose memory has no placement, and none that is being forgotten or has expired', async () => {
    world.sql(`DELETE FROM placements WHERE memory_id IN ('a', 'c', 'd')`);
    world.sql(
      `INSERT INTO tombstones (scope_id, scope, system_id, requested_at, state) VALUES ('x', 'system', '${SYSTEM}', 1, 'standing')`,
    );
    expect(await world.scrub()).toMatchObject({ findings: 0 });
    world.sql(`DELETE FROM tombstones`);
    world.sql(expiry(NOW));
    expect(await world.scrub()).toMatchObject({ findings: 0 });
    world.sql(`DELETE FROM expiries`);
    // Its object keeps another row, as it would in a store of more than four memories.
    world.sql(
      `UPDATE placements SET keeper_id = (SELECT object_id FROM objects WHERE kind = 'cold') WHERE memory_id = 'b'`,
    );
    await world.scrub('scrub-2');
    expect((await standing()).filter((line) => line.startsWith('row_')).toSorted()).toEqual([
      expect.stringMatching(`^row_unplaced ${SYSTEM}/conversation/a in hot/day_`),
      expect.stringMatching(`^row_unplaced ${SYSTEM}/conversation/c in warm/month_`),
      `row_unplaced ${SYSTEM}/conversation/d in cold object ${await one('cold/')}`,
      // What the move left, which would be garbage if the memory had a placement.
      expect.stringMatching(`^row_unplaced ${SYSTEM}/conversation/d in warm/month_`),
    ]);
  });

  it('finds nothing after a rebuild, whose rows are of operations that no catalog knows', async () => {
    await world.putReceipt('u1');
    await world.lose();
    await world.rebuild();
    expect(await world.scrub()).toMatchObject({ objects: 2, findings: 0 });
    world.sql(`DELETE FROM placements WHERE memory_id = 'a'`);
    await world.scrub('scrub-2');
    expect(await standing()).toEqual([expect.stringContaining('row_unplaced')]);
  });

  it('passes over a tier that is on record as damaged, and says so', async () => {
    await world.store.setAside('hot');
    expect(await world.scrub()).toMatchObject({ findings: 0, skipped: ['hot'] });
  });

  it('goes on where it was, also with another process', async () => {
    const begun = await scrubPortion(world.scrubbing(), { scrubId: 's', after: null });
    expect(begun).toMatchObject({ counts: { objects: 2, rows: 5 }, next: null });
    const after: ScrubCursor = { part: 'rows', tier: 'warm', table: '', after: -1 };
    await world.store.close();
    await world.open();
    const rest = await scrubPortion(world.scrubbing(), { scrubId: 's', after });
    expect(rest).toMatchObject({ counts: { objects: 0, placements: 1 }, next: null });
  });
});

it('beside ingests, moves, compactions, forgets and sweeps it finds nothing', async () => {
  let isOver = false;
  const busy = async (): Promise<void> => {
    for (let n = 2; n <= 5; n++) {
      const rows = Array.from({ length: 20 }, (_, i) => ({
        id: `m${i}`,
        text: `${n} of ${i}`,
        age: (i % 4) * 60 + 1,
      }));
      await world.ingest(`u${n}`, n, rows, n - 1);
      while ((await world.library.maintenance.moveToWarm(world.maintenance(), NOW + 30 * DAY)).due > 0);
      await world.moveAllToCold();
      const selection = { systemId: SYSTEM };
      await world.library.maintenance.moveChosen(world.maintenance(), {
        selection,
        from: 'cold',
        to: 'warm',
        after: null,
      });
      await world.forgetAll({ scope: 'memory', systemId: SYSTEM, kind: 'conversation', memoryId: `m${n}` });
      await world.sweepAfter(1);
      await world.sweepAfter(1);
    }
    isOver = true;
  };
  const work = busy();
  let scrubs = 0;
  while (!isOver) {
    await world.scrub(`scrub-${scrubs}`);
    scrubs += 1;
  }
  await work;
  expect(await world.store.standingFindings(10)).toEqual([]);
  expect(scrubs).toBeGreaterThan(2);
});

describe('what a scrub found', () => {
  beforeEach(async () => {
    await flip(await one('cold/'));
    await world.scrub();
  });

  it('stops what moves or deletes, and nothing else, until a person releases it', async () => {
    const { maintenance } = world.library;
    const paused = { paused: true };
    const old = { asOf: NOW + 400 * DAY, all: true };
    await world.ingest('u2', 2, [{ id: 'a', text: 'alpha again', age: 1 }], 1);
    await world.putReceipt('u1');
    await world.backup();
    expect((await world.find('a'))?.content).toBe('alpha again');
    expect(await maintenance.planTransition(world.maintenance(), old)).toMatchObject(paused);
    expect(await maintenance.moveToWarm(world.maintenance(), old.asOf)).toMatchObject(paused);
    expect(await maintenance.planCompaction(world.maintenance(), { all: true, asOf: NOW })).toEqual([]);
    expect(await world.sweepAfter(1)).toMatchObject({ rows: 0, ...paused });
    world.now += 30 * DAY;
    expect(await world.retire()).toBe(0);
    // Nor does who would not ask: the choice of what goes is made in the transaction that looks.
    const clock = { unnamedBefore: world.now };
    expect(await world.store.chooseObjects(await world.objectNames('journal/'), clock)).toEqual([]);
    await expect(world.store.resumeTiers()).rejects.toMatchObject({ type: 'MovingStopped' });

    expect(await world.store.releaseFindings('the object was put back')).toBe(1);
    expect(await maintenance.moveToWarm(world.maintenance(), old.asOf)).toMatchObject({ moved: 2 });
    expect(await world.retire()).toBe(2);
    await world.sweepAfter(1);
    expect((await world.sweepAfter(1)).rows).toBeGreaterThan(0);
    expect(world.read(`SELECT release_reason AS reason FROM findings WHERE released_at IS NOT NULL`)).toEqual(
      [{ reason: 'the object was put back' }],
    );
  });

  it('outlives the process, and keeps the backups of before', async () => {
    await world.store.close();
    await world.open();
    expect(await world.store.movingStop()).toMatchObject({ findings: 1 });
    for (let n = 2; n <= 6; n++) {
      await world.ingest(`u${n}`, n, [{ id: 'a', text: `alpha ${n}` }], n - 1);
      world.now += 1;
      await world.backup();
    }
    expect(await world.objectNames('backup/store-')).toHaveLength(5);
  });
});
