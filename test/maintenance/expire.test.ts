import { beforeEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import {
  adoptDecided,
  compactCold,
  forecastTransition,
  planCompaction,
} from '../../src/maintenance/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { DAY, NOW, SYSTEM, type World } from '../store/protocol/world.js';
import { openWorld } from '../store/support.js';

/** Both of one month; the second is kept for some days more. */
const ANCIENT = { id: 'ancient', text: 'ancient words', age: 2_560 };
const YOUNGER = { id: 'younger', text: 'younger words', age: 2_550 };
const FRESH = { id: 'fresh', text: 'fresh words', age: 1 };
const LATER = NOW + 40 * DAY;

let world: World;

beforeEach(async () => {
  world = await openWorld();
  world.madeAt(NOW);
});

async function ingest(uploadId: string, order: number, rows: Parameters<World['ingest']>[2]) {
  const counts = await world.ingest(uploadId, order, rows, order === 1 ? null : order - 1);
  await world.putReceipt(uploadId);
  return counts;
}

const ids = async (): Promise<string[]> => {
  const { memories } = await world.store.listMemories(SYSTEM, { limit: 10 });
  return memories.map(({ memoryId }) => memoryId);
};

const lookedAt = (): unknown => world.read(`SELECT value FROM meta WHERE key = 'expiry_looked_at'`);

/** Begun, and not carried out: its server died. */
async function leaveOpen(): Promise<void> {
  const fault = { expireBatch: () => Promise.reject(new Error('the power is gone')) };
  await expect(world.expire(NOW, fault)).rejects.toThrow('the power is gone');
}

async function pin(memoryId: string): Promise<void> {
  await world.store.pinMemories([{ systemId: SYSTEM, kind: 'conversation', memoryId }], {
    tier: null,
    reason: 'kept',
  });
}

async function rebuild(): Promise<void> {
  await world.lose();
  await world.rebuild();
}

/** Of an expiry that was decided now. */
async function lateReceipt(): Promise<string> {
  const [told] = await world.expiries();
  return JSON.stringify({ ...told, expiry_id: 'later-1', decided_at: new Date(world.now).toISOString() });
}

/** As the hosts say. */
async function passDays(days: number): Promise<void> {
  world.now += days * DAY;
  const last = { systemId: SYSTEM, uploadId: `later-${days}`, manifestSha256: 'x', createdAt: world.now };
  await world.store.registerUploads([{ ...last, order: 1_000 + days, previousOrder: null }]);
}

describe('memories that are older than they are kept', () => {
  it('are gone from every tier with their words, counted, and soon from every object', async () => {
    await ingest('u1', 1, [ANCIENT, YOUNGER]);
    await world.moveAllToCold();
    await ingest('u2', 2, [FRESH]);
    await ingest('u3', 3, [{ ...ANCIENT, id: 'warm', text: 'warm words' }]);
    await world.store.beginTransition('t', NOW);
    const [partition] = await world.expire();
    expect(await ids()).toEqual(['fresh', 'younger']);
    const words = await world.store.searchWords('warm', ['words'], { tiers: ['warm'] }, 10);
    expect(words.map(({ memoryId }) => memoryId)).toEqual([]);
    expect(await world.expiries()).toMatchObject([
      {
        decided_by: 't',
        decided_at: new Date(NOW).toISOString(),
        kept_days: 2_557,
        cutoff: new Date(NOW - 2_557 * DAY).toISOString(),
        ended_at: new Date(NOW).toISOString(),
        memories: { [SYSTEM]: 2 },
      },
    ]);
    const report = await world.store.transitionReport('t');
    expect(report?.totals).toMatchObject({ expired: 2 });
    expect((await world.store.countTiers()).cold.rows).toBe(1);
    // The object that they stood in with others is written anew; what keeps nothing is swept.
    if (partition !== undefined) await compactCold(world.maintenance(), partition, { all: true });
    await world.sweepAfter(1_000);
    await world.sweepAfter(1_000);
    expect(await world.textsInObjects()).toEqual(['fresh words', 'younger words']);
    await world.expire();
    expect(await world.expiries()).toHaveLength(1);
  });

  it('count by the own time of the version that stands, deleted ones included', async () => {
    await ingest('u1', 1, [ANCIENT, { ...YOUNGER, id: 'a' }]);
    // The one got younger, the other old.
    await ingest('u2', 2, [
      { ...FRESH, id: 'ancient', text: 'now' },
      { ...ANCIENT, id: 'a', text: 'then' },
    ]);
    await world.expire();
    expect(await ids()).toEqual(['ancient']);
    // Neither its newest version nor an older one comes back; a younger one is new.
    expect(await ingest('u3', 3, [{ ...ANCIENT, id: 'a', text: 'then' }])).toMatchObject({
      expired: 1,
      new: 0,
    });
    expect(await ingest('u4', 4, [{ ...FRESH, id: 'a', text: 'again' }])).toMatchObject({ new: 1 });
    world.mirrors = ['conversation'];
    await ingest('u5', 5, [FRESH]);
    await passDays(2_600);
    world.madeAt(world.now);
    await world.expire(world.now);
    expect(world.read(`SELECT memory_id FROM placements`)).toEqual([]);
    expect(world.read(`SELECT sum(memories) AS n FROM expired_memories`)).toEqual([{ n: 2 }]);
  });

  it('are not placed by a commit that began before they were to go', async () => {
    await ingest('u1', 1, [ANCIENT]);
    await world.register('u2', 2, 1);
    const late = { ...ANCIENT, id: 'late', text: 'late words' };
    const operation = await world.openIngest('u2', [late, FRESH]);
    await operation.insertRows();
    await world.expire();
    const counts = await operation.commit(await world.putJournal(operation, 'u2'));
    await operation.close();
    expect(counts).toMatchObject({ expired: 1, new: 1 });
    expect(await ids()).toEqual(['fresh']);
    expect((await world.store.getUpload({ systemId: SYSTEM, uploadId: 'u2' }))?.rows).toMatchObject({
      expired: 1,
    });
  });

  it('go as of the earliest of the transition’s instant, the machine’s clock and the hosts’', async () => {
    await ingest('u1', 1, [ANCIENT, YOUNGER]);
    await world.expire(NOW - 100 * DAY);
    expect(await ids()).toHaveLength(2);
    await world.expire(LATER);
    expect(await ids()).toEqual(['younger']);
    world.madeAt(LATER);
    await world.expire(LATER);
    expect(await ids()).toEqual(['younger']);
    await passDays(0);
    await world.expire(LATER);
    expect(await ids()).toEqual([]);
  });

  it('go by the object store’s clock too, where that is another machine’s', async () => {
    world.now = Date.now();
    world.madeAt(world.now);
    const age = ANCIENT.age + (NOW - world.now) / DAY;
    await ingest('u1', 1, [{ ...ANCIENT, age }]);
    world.sql(`UPDATE uploads SET created_at = 1`);
    await world.expire(world.now);
    expect(await ids()).toEqual(['ancient']);
    const { bucket, endpoint, region, accessKeyId, secretAccessKey } = inject('s3');
    vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
    onTestFinished(() => void vi.unstubAllEnvs());
    const archive = await openObjectStore(
      `s3://${bucket}/expiry-${process.pid}?endpoint=${encodeURIComponent(endpoint)}&region=${region}`,
    );
    onTestFinished(() => archive.close());
    const told: number[] = [];
    const context = { ...world.maintenance(), archive, archiveHasClock: true };
    await planCompaction(
      { ...context, onExpired: (memories) => told.push(memories) },
      { all: true, asOf: world.now },
    );
    expect([await ids(), told]).toEqual([[], [1]]);
  });

  it('go a month at the most with each day, whatever all clocks say, and however often one asks', async () => {
    await ingest('u1', 1, [ANCIENT, { ...FRESH, id: 'a' }, { ...ANCIENT, id: 'b', age: 2_500 }]);
    await passDays(10 * 366);
    for (const _time of ['first', 'second', 'third']) await world.expire(world.now);
    expect([await ids(), lookedAt()]).toEqual([['a', 'b'], [{ value: NOW }]]);
    const compactionsDue = (): Promise<never> => Promise.reject(new Error('no plan'));
    const store = { ...world.store, compactionsDue };
    for (const _time of ['first', 'second'])
      await expect(world.expireDaily(world.now, { store })).rejects.toThrow('no plan');
    expect(lookedAt()).toEqual([{ value: NOW }]);
    await world.expireDaily();
    expect([await ids(), lookedAt()]).toEqual([['a', 'b'], [{ value: NOW + 31 * DAY }]]);
    await world.expireDaily();
    expect([await ids(), lookedAt()]).toEqual([['a'], [{ value: NOW + 62 * DAY }]]);
  });

  it('go by no host whose clock is ahead, which holds up nothing either', async () => {
    await ingest('u1', 1, [ANCIENT, YOUNGER]);
    const ahead = { systemId: SYSTEM, uploadId: 'ahead', manifestSha256: 'x', createdAt: NOW + 1e12 };
    await world.store.registerUploads([{ ...ahead, order: 2, previousOrder: null }]);
    world.now = NOW + 20 * DAY;
    await world.expireDaily();
    expect([await ids(), lookedAt()]).toEqual([['younger'], [{ value: NOW }]]);
    await passDays(0);
    await world.expireDaily();
    expect([await ids(), lookedAt()]).toEqual([[], [{ value: NOW + 20 * DAY }]]);
  });

  it('are looked for a month after the store was made at the most, or after the uploads that it had by then', async () => {
    world.sql(`DELETE FROM meta WHERE key = 'expiry_looked_at'`);
    world.now = NOW + DAY;
    await world.keepFor(2_557);
    expect(lookedAt()).toEqual([{ value: NOW + DAY }]);
    await world.register('u1', 1);
    world.sql(`DELETE FROM meta WHERE key = 'expiry_looked_at'`);
    await world.keepFor(2_557);
    expect(lookedAt()).toEqual([{ value: NOW }]);
  });

  it('stay where the days are raised before they went, and the receipt says so', async () => {
    await ingest('u1', 1, [ANCIENT, { ...ANCIENT, id: 'older', age: 3_000 }]);
    await leaveOpen();
    await world.keepFor(2_900);
    await world.expire();
    expect(await ids()).toEqual(['ancient']);
    expect(await world.expiries()).toMatchObject([{ called_off: true, memories: { [SYSTEM]: 1 } }]);
    expect(await world.store.openExpiries()).toEqual([]);
  });

  it('stay between two batches once moving is paused, or a pin is in no backup', async () => {
    await ingest('u1', 1, [ANCIENT, YOUNGER]);
    await leaveOpen();
    await world.store.pauseTiers('a look at it');
    const [open] = await world.store.openExpiries();
    expect(await world.store.expireBatch(open?.id ?? '', 10)).toEqual({ rows: 0, state: 'held' });
    await world.store.resumeTiers();
    await pin('younger');
    await world.expire();
    expect([await ids(), await world.store.openExpiries()]).toEqual([['ancient', 'younger'], [open]]);
    await world.backup();
    await world.expire();
    expect(await ids()).toEqual(['younger']);
  });

  it('stand again after a rebuild without a backup that knows what was pinned, and moving waits for a person', async () => {
    await ingest('u1', 1, [ANCIENT, { ...ANCIENT, id: 'pinned' }, YOUNGER]);
    await pin('pinned');
    await world.backup();
    await world.expire();
    expect(await ids()).toEqual(['pinned', 'younger']);
    for (const key of await world.objectNames('backup/')) await world.archive.delete([key]);
    await rebuild();
    expect(await ids()).toEqual(['ancient', 'pinned', 'younger']);
    expect(await world.store.tierPause()).toMatchObject({
      reason: expect.stringMatching(/pins may be missing.*akosha tiers resume/) as string,
    });
    await world.expireDaily();
    expect(await ids()).toHaveLength(3);
    await pin('pinned');
    await world.backup();
    await world.store.resumeTiers();
    await world.expireDaily();
    expect(await ids()).toEqual(['pinned', 'younger']);
    // One that is older than what was decided last knows no better.
    world.now += DAY;
    await world.archive.put('retention/expired/later-1.json', await lateReceipt());
    await rebuild();
    expect(await ids()).toEqual(['ancient', 'pinned', 'younger']);
    expect(await world.store.tierPause()).toBeDefined();
  });

  it('stand after a rebuild where a pin had spared them and they are kept for longer since', async () => {
    await ingest('u1', 1, [ANCIENT, { ...ANCIENT, id: 'spared' }]);
    await pin('spared');
    await world.backup();
    await world.expire();
    await world.keepFor(2_900);
    const spared = { systemId: SYSTEM, kind: 'conversation', memoryId: 'spared' } as const;
    await world.store.unpinMemories([spared]);
    await world.backup();
    await world.expire();
    await rebuild();
    expect(await ids()).toContain('spared');
    expect(await world.store.tierPause()).toBeUndefined();
  });

  it('are known of when a server starts, before a scrub looks', async () => {
    await ingest('u1', 1, [ANCIENT, YOUNGER]);
    await world.expire();
    for (const table of ['expired_memories', 'expiries']) world.sql(`DELETE FROM ${table}`);
    await adoptDecided(world.maintenance());
    expect(await world.scrub()).toMatchObject({ findings: 0 });
  });

  it('are known of again where an older program had the store meanwhile', async () => {
    await ingest('u1', 1, [ANCIENT]);
    await world.expire();
    for (const table of ['expired_memories', 'expiries']) world.sql(`DELETE FROM ${table}`);
    await ingest('u2', 2, [ANCIENT]);
    await world.expire();
    expect(await ids()).toEqual([]);
    const told = await world.expiries();
    expect(told.map(({ memories }) => memories)).toEqual([{ [SYSTEM]: 1 }, { [SYSTEM]: 1 }]);
  });

  it('are told before they go, are kept for ever at 0, and wait while moving is paused', async () => {
    await ingest('u1', 1, [ANCIENT, YOUNGER]);
    const plan = { asOf: NOW, all: true, limit: 10 };
    const expiring = { cutoff: NOW - 2_557 * DAY, memories: 1 };
    expect(await forecastTransition(world.maintenance(), plan)).toMatchObject({ expiring });
    await world.store.pauseTiers('a look at it');
    await world.expire();
    await world.store.resumeTiers();
    world.retentionDays = 0;
    await world.store.close();
    await world.open();
    expect(await forecastTransition(world.maintenance(), plan)).toMatchObject({ expiring: null });
    await world.expire();
    expect(await ids()).toEqual(['ancient', 'younger']);
    expect(await world.expiries()).toEqual([]);
  });
});
