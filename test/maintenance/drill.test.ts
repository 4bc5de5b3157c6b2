import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { restoreDrill } from '../../src/maintenance/index.js';
import { query } from '../support/databases.js';
import { openWorld } from '../store/support.js';
import { DAY, NOW, SYSTEM, type World } from '../store/protocol/world.js';

/** Hot, warm, and old enough for cold. */
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
  const later = ['f', 'g'].map((id) => ({ id, text: `text of ${id}`, age: 2 }));
  const old = { id: 'h', text: 'eta', age: 10 };
  await world.ingest('u2', 2, [{ id: 'a', text: 'alpha again', age: 1 }, old, ...later], 1);
});

const keyOf = (id: string): string => `${SYSTEM}/conversation/${id}`;

describe('a restore drill', () => {
  it('passes where everything comes back, and leaves nothing', async () => {
    await world.register('u3', 3, 2);
    await world.putManifest('u3');
    await world.commit('u3', [{ id: 'e', text: 'without a receipt' }]);
    expect(await world.drill()).toMatchObject({
      ...{ passed: true, reason: null, memories: 8, mismatches: 0, objects: 3 },
      // It stands complete, so that a server that starts on the copy ingests it.
      later: 1,
    });
    expect(
      (await readdir(join(world.folder, 'scratch'))).filter((name) => name.startsWith('drill-')),
    ).toEqual([]);
    expect(await world.store.checks('drill', 1)).toMatchObject([{ checkId: 'drill-1', passed: true }]);
    // The store serves as before, under its own lock.
    expect((await world.find('a'))?.content).toBe('alpha again');
  });

  it('fails where a journal object lacks a row', async () => {
    const [journal = ''] = (await world.objectNames('journal/')).filter((name) => name.includes('/u1-'));
    const [file, shorter] = [world.file('whole'), world.file('shorter')];
    await world.archive.getFile(journal, file);
    await query(
      `COPY (SELECT * FROM read_parquet('${file}') WHERE memory_id <> 'b') TO '${shorter}' (FORMAT parquet)`,
    );
    await world.archive.putFile(journal, shorter);
    const report = await world.drill();
    expect(report).toMatchObject({ passed: false, mismatches: 2 });
    expect(report.reason).toContain(journal);
    expect(report.examples).toEqual([
      expect.stringMatching(`^${keyOf('b')}: .* not in the copy$`),
      expect.stringMatching(`^${keyOf('c')}: .* not in the copy$`),
    ]);
    expect(await world.store.checks('drill', 1)).toMatchObject([{ passed: false }]);
  });

  it('fails where what is served has another hash, or lacks a memory', async () => {
    world.sql(`UPDATE placements SET hash = '${'0'.repeat(64)}' WHERE memory_id = 'b'`);
    world.sql(`DELETE FROM placements WHERE memory_id = 'c'`);
    expect(await world.drill()).toMatchObject({
      passed: false,
      reason: '2 of 6 memories differ',
      examples: [
        expect.stringMatching(`^${keyOf('b')}: hash 0+, in the copy [0-9a-f]{64}$`),
        expect.stringMatching(`^${keyOf('c')}: hash [0-9a-f]{64}, in the copy alone$`),
      ],
    });
  });

  it('passes while memories come, change, move, are forgotten, and their objects go', async () => {
    const { rebuild } = world.drilling();
    const { requestForget, moveToWarm, moveToCold } = world.library.maintenance;
    const scopeOf = (memoryId: string) =>
      ({ scope: 'memory', systemId: SYSTEM, kind: 'conversation', memoryId }) as const;
    const meanwhile = async (): Promise<void> => {
      await world.ingest(
        'u3',
        3,
        [
          { id: 'b', text: 'beta again', age: 3 },
          { id: 'e', text: 'new' },
        ],
        2,
      );
      await moveToWarm(world.maintenance(), NOW + 30 * DAY);
      for (const partition of await world.store.coldPartitionsDue(NOW + 75 * DAY, true))
        await moveToCold(world.maintenance(), NOW + 75 * DAY, partition);
      await world.forgetAll(scopeOf('d'));
      await world.sweepAfter(1);
      expect((await world.sweepAfter(1)).objects).toBeGreaterThan(0);
    };
    // Its tombstone is put, and what comes after that not yet done.
    await world.putTombstone('g');
    let isListed = false;
    let isRead = false;
    const report = await world.drill({
      // What it does where it has not noticed the forgets yet.
      giveWayMs: 60_000,
      rebuild: {
        ...rebuild,
        // All are listed by then, and the first is fetched.
        hashFile: async (file) => {
          if (!isListed) {
            isListed = true;
            await meanwhile();
          }
          return rebuild.hashFile(file);
        },
      },
      store: {
        ...world.store,
        placedPage: async (after, limit) => {
          const page = await world.store.placedPage(after, limit);
          if (!isRead) {
            isRead = true;
            for (const id of ['f', 'g']) await requestForget(world.forgetting(), scopeOf(id));
            world.sql(
              `INSERT INTO expiries (expiry_id, decided_at, decided_by, kept_days, cutoff, before_id)
               VALUES ('x', 1, 'a test', 1, ${NOW - 9 * DAY}, 1)`,
            );
            world.sql(`DELETE FROM placements WHERE memory_id = 'h'`);
          }
          return page;
        },
      },
    });
    expect(report).toMatchObject({ passed: true, reason: null, mismatches: 0 });
    expect(report.later).toBeGreaterThan(0);
  });

  it('is not held without room, which is a failure, nor two at once', async () => {
    const context = { ...world.drilling(), freeBytes: () => Promise.resolve(2 ** 20) };
    const report = await world.drill(context);
    expect(report).toMatchObject({ passed: false, memories: 0 });
    expect(report.reason).toMatch(/has 1 MiB free, and the copy needs \d+: .*AKOSHA_DATA_DIR/);
    const both = await Promise.allSettled([restoreDrill(context, 'one'), restoreDrill(context, 'two')]);
    expect(both.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected']);
  });

  it('gives way to a forget, so that its receipt never finds the copy', async () => {
    const { openRebuild } = world.drilling();
    const outcome = world.drill({
      giveWayMs: 1,
      openRebuild: async (folder) => {
        const scope = { scope: 'system', systemId: SYSTEM } as const;
        await world.library.maintenance.requestForget(world.forgetting(), scope);
        const rebuild = await openRebuild(folder);
        await setTimeout(50);
        return rebuild;
      },
    });
    await expect(outcome).rejects.toMatchObject({ type: 'StoreBusy' });
    expect(
      (await readdir(join(world.folder, 'scratch'))).filter((name) => name.startsWith('drill-')),
    ).toEqual([]);
    expect(await world.store.checks('drill', 1)).toMatchObject([{ endedAt: null }]);
  });

  it('says nothing where object storage is away, and that it failed where a rebuild does', async () => {
    const away = new AkoshaError('ObjectStoreUnavailable', 'injected');
    await expect(world.drill({ openRebuild: () => Promise.reject(away) })).rejects.toBe(away);
    expect(await world.store.checks('drill', 1)).toMatchObject([{ endedAt: null }]);
    const openRebuild = () => Promise.reject(new AkoshaError('DiskFull', 'injected'));
    expect(await world.drill({ openRebuild })).toMatchObject({ reason: 'the rebuild failed: injected' });
  });
});
