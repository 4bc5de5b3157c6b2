import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { moveToCold, moveToWarm, sweep } from '../../src/maintenance/index.js';
import { OperationLatch } from '../../src/store/embedded/latch.js';
import { OperationConnection } from '../../src/store/embedded/tiers/operation-connection.js';
import { tableFor } from '../../src/store/embedded/tiers/tables.js';
import { TierDatabase } from '../../src/store/embedded/tiers/tier-database.js';
import { temporaryFolder } from '../reader/support.js';
import { NOW, SYSTEM } from './protocol/world.js';
import { openWorld } from './support.js';

const MONTH_LATER = NOW + 30 * 86_400_000;
const YEAR_LATER = NOW + 365 * 86_400_000;
const ROWS = [
  { id: 'a', text: 'one' },
  { id: 'b', text: 'two' },
];
const CANCELLED = { type: 'Cancelled' };

const JANUARY = tableFor('warm', Date.UTC(2026, 0, 1));

/** Longer than any test: only an interruption ends it. */
const ENDLESS = 'SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range * b.range = 7';

async function openTiers(): Promise<TierDatabase> {
  const folder = await temporaryFolder();
  const tiers = await TierDatabase.open({ folder, memoryMb: 256, scratch: join(folder, 'scratch') });
  onTestFinished(() => tiers.close());
  return tiers;
}

async function openConnection(tiers: TierDatabase, signal: AbortSignal): Promise<OperationConnection> {
  const connection = await OperationConnection.open(tiers, signal);
  onTestFinished(() => connection.close());
  return connection;
}

describe('an operation whose caller gives up', () => {
  it('says so to the write that runs, and lets no other begin', async () => {
    const latch = new OperationLatch();
    const caller = new AbortController();
    latch.open(1, caller.signal);
    const failure = new Error('what a library throws when it is told to stop');
    const running = latch.write(1, (signal) => {
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(failure)));
    });
    caller.abort(new Error('the process stops'));
    await expect(running).rejects.toMatchObject({ ...CANCELLED, cause: { message: 'the process stops' } });
    let begun = false;
    const next = latch.write(1, () => Promise.resolve((begun = true)));
    await expect(next).rejects.toMatchObject(CANCELLED);
    expect(begun).toBe(false);
  });

  it('is told so also where that was before it opened, and no more once it is closed', async () => {
    const latch = new OperationLatch();
    expect(latch.open(1, AbortSignal.abort()).reason).toMatchObject(CANCELLED);
    const caller = new AbortController();
    const signal = latch.open(2, caller.signal);
    await latch.close(2);
    caller.abort();
    expect(signal.reason).toMatchObject({ type: 'OperationClosed' });
  });

  it('has its running statement interrupted, its transaction undone and its tier free for others', async () => {
    const tiers = await openTiers();
    const controller = new AbortController();
    const connection = await openConnection(tiers, controller.signal);
    const reason = new AkoshaError('Cancelled', 'enough');
    const written = connection.write('warm', async () => {
      await connection.createTables('warm', [JANUARY]);
      const counting = connection.run(ENDLESS);
      // Most likely while the statement runs; before it, the statement must not begin, and after it there is no after.
      setTimeout(() => controller.abort(reason), 50);
      await counting;
    });
    await expect(written).rejects.toBe(reason);
    await expect(connection.run('SELECT 1')).rejects.toBe(reason);
    await expect(OperationConnection.open(tiers, controller.signal)).rejects.toBe(reason);
    expect(await tiers.tables('warm')).toEqual([]);
    const other = await openConnection(tiers, new AbortController().signal);
    await other.write('warm', () => other.createTables('warm', [JANUARY, JANUARY]));
    expect(await tiers.tables('warm')).toEqual([JANUARY]);
  });

  it('leaves nobody with the tables from before a transaction, whenever they were asked for', async () => {
    const tiers = await openTiers();
    const connection = await openConnection(tiers, new AbortController().signal);
    let during: readonly unknown[] = [];
    let late: Promise<readonly unknown[]> = Promise.resolve([]);
    await connection.write('warm', async () => {
      await connection.createTables('warm', [JANUARY]);
      during = await tiers.tables('warm');
      late = tiers.tables('warm');
    });
    expect([during, await tiers.tables('warm')]).toEqual([[], [JANUARY]]);
    await late;
    expect(await tiers.tables('warm')).toEqual([JANUARY]);
  });
});

describe('a stop', () => {
  it('between copy and commit of a move leaves the rows where they are, for the next one', async () => {
    const world = await openWorld();
    await world.ingest('u1', 1, ROWS);
    const caller = new AbortController();
    const move = await world.store.openMove(MONTH_LATER, 10, caller.signal);
    await move?.copyRows();
    caller.abort();
    await expect(move?.verifyCopies()).rejects.toMatchObject(CANCELLED);
    await expect(move?.commit()).rejects.toMatchObject(CANCELLED);
    await move?.close();
    expect(await world.find('a')).toMatchObject({ tier: 'hot', content: 'one' });
    expect(await moveToWarm(world.maintenance(), MONTH_LATER)).toMatchObject({ due: 2, moved: 2 });
    // The copies of the first attempt, and the rows that the second one moved.
    await world.sweepAfter(1000);
    expect((await world.sweepAfter(1000)).rows).toBe(4);
    expect(await world.find('a')).toMatchObject({ tier: 'warm', content: 'one' });
  });

  it('before a move opens nothing that the next one would wait for', async () => {
    const world = await openWorld();
    await world.ingest('u1', 1, ROWS);
    const signal = AbortSignal.abort();
    await expect(moveToWarm(world.maintenance(), MONTH_LATER, { signal })).rejects.toMatchObject(CANCELLED);
    expect(await moveToWarm(world.maintenance(), MONTH_LATER)).toMatchObject({ due: 2, moved: 2 });
  });

  it('during the put of a cold object commits nothing', async () => {
    const world = await openWorld();
    await world.ingest('u1', 1, ROWS);
    await moveToWarm(world.maintenance(), MONTH_LATER);
    const [partition] = await world.store.coldPartitionsDue(YEAR_LATER, true);
    if (partition === undefined) expect.fail();
    const caller = new AbortController();
    // A double, to stop at this very moment: the put itself is the store's own.
    const putFile = world.archive.putFile.bind(world.archive);
    world.archive.putFile = async (...args) => {
      caller.abort();
      return putFile(...args);
    };
    const cold = moveToCold(world.maintenance(), YEAR_LATER, partition, { signal: caller.signal });
    await expect(cold).rejects.toMatchObject(CANCELLED);
    world.archive.putFile = putFile;
    expect(await world.find('a')).toMatchObject({ tier: 'warm' });
    expect(await moveToCold(world.maintenance(), YEAR_LATER, partition)).toMatchObject({ moved: 2 });
    expect(await world.find('a')).toMatchObject({ tier: 'cold', content: 'one' });
  });

  it('ends a sweep before it looks at anything more', async () => {
    const world = await openWorld();
    await world.ingest('u1', 1, ROWS);
    await world.ingest('u2', 2, [{ id: 'a', text: 'changed' }], 1);
    await world.sweepAfter(1000);
    world.now += 1000;
    const stopped = AbortSignal.abort();
    await expect(world.store.sweepRows({ unnamedBefore: world.now }, stopped)).rejects.toMatchObject(
      CANCELLED,
    );
    await expect(sweep(world.maintenance(), stopped)).rejects.toMatchObject(CANCELLED);
    expect((await world.sweepAfter(1000)).rows).toBe(1);
  });

  it('ends an ingest before its next step, and the next attempt begins anew', async () => {
    const world = await openWorld();
    await world.register('u1', 1);
    const batch = {
      upload: { systemId: SYSTEM, uploadId: 'u1' },
      rowsFile: await world.rowsFile(ROWS),
      keys: null,
      known: null,
      covers: [],
      mirrors: [],
      refused: 0,
      files: [],
      reader: 'test',
      asOf: NOW,
    };
    await expect(world.store.openIngest(batch, AbortSignal.abort())).rejects.toMatchObject(CANCELLED);
    const caller = new AbortController();
    const operation = await world.store.openIngest(batch, caller.signal);
    await operation.insertRows();
    caller.abort();
    const journal = join(world.folder, 'scratch', randomUUID());
    await expect(operation.exportJournal(journal)).rejects.toMatchObject(CANCELLED);
    await expect(operation.commit(undefined)).rejects.toMatchObject(CANCELLED);
    await operation.close();
    expect(await world.commit('u1', ROWS)).toMatchObject({ new: 2 });
    expect(await world.find('b')).toMatchObject({ content: 'two' });
  });
});
