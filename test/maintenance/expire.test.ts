import { beforeEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { compactCold, forecastTransition, planCompaction } from '../../src/maintenance/index.js';
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
  world.now = NOW;
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
    world.sql(`DELETE FROM meta WHERE key = 'expiry_looked_at'`);
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
    world.now = LATER;
    await world.expire(LATER);
    expect(await ids()).toEqual(['younger']);
    await passDays(0);
    await world.expire(LATER);
    expect(await ids()).toEqual([]);
  });

  it('go by the object store’s clock too, where that is another machine’s', async () => {
    world.now = Date.now();
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

  it('go a month at the most with each look, whatever all clocks say', async () => {
    await ingest('u1', 1, [ANCIENT, { ...FRESH, id: 'a' }]);
    await world.expire();
    await passDays(10 * 366);
    await world.expire(world.now);
    expect(await ids()).toEqual(['a']);
    const looked = world.read(`SELECT value FROM meta WHERE key = 'expiry_looked_at'`);
    expect(looked).toEqual([{ value: NOW + 31 * DAY }]);
    // One that was not set yet at the first look, nor the hosts', holds up nothing.
    world.sql(`DELETE FROM meta WHERE key = 'expiry_looked_at'`);
    const later = world.now;
    world.now = 1_000_000;
    await world.expire(later);
    world.now = later;
    await world.expire(later);
    expect(await ids()).toEqual([]);
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
