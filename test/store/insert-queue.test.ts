import { randomBytes } from 'node:crypto';
import { copyFile, rm } from 'node:fs/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EMBEDDING_MODEL } from '../../src/memory/index.js';
import { InsertQueue, type GroupLimits } from '../../src/store/embedded/insert-queue.js';
import type { StagedIngest } from '../../src/store/embedded/tiers/staging.js';
import { queryRows } from '../../src/store/embedded/tiers/queries.js';
import { TierDatabase } from '../../src/store/embedded/tiers/tier-database.js';
import { temporaryFolder } from '../reader/support.js';
import type { Row, World } from './protocol/world.js';
import { openWorld } from './support.js';

const open = (): AbortSignal => new AbortController().signal;

async function openQueue(
  limits?: GroupLimits,
): Promise<{ world: World; tiers: TierDatabase; queue: InsertQueue }> {
  const folder = await temporaryFolder();
  const tiers = await TierDatabase.open({ folder, memoryMb: 256, scratch: `${folder}/scratch` });
  onTestFinished(() => tiers.close());
  return { world: await openWorld(), tiers, queue: new InsertQueue(tiers, limits) };
}

/** An ingest of hot rows, and of a warm one with the next row id. */
async function ingest(world: World, opId: number, rows: readonly Row[]): Promise<StagedIngest> {
  return {
    rowsFile: await world.rowsFile(rows),
    opId,
    systemId: `host-${opId}`,
    uploadId: `upload-${opId}`,
    order: opId,
    rows: rows.map(({ age = 1 }, n) => ({ n, rowId: opId * 1000 + n, tier: age > 7 ? 'warm' : 'hot' })),
    deletions: [],
  };
}

async function standing(
  tiers: TierDatabase,
): Promise<{ tier: string; row: number; op: number; text: string }[]> {
  const found = [];
  for (const tier of ['hot', 'warm'] as const) {
    for (const { name } of await tiers.tables(tier)) {
      const rows = await tiers.read((connection) =>
        queryRows<{ row_id: bigint; op_id: bigint; content: string }>(
          connection,
          `SELECT row_id, op_id, content FROM ${tier}.main.${name}`,
        ),
      );
      for (const row of rows)
        found.push({ tier, row: Number(row.row_id), op: Number(row.op_id), text: row.content });
    }
  }
  return found.toSorted((a, b) => a.row - b.row);
}

describe('ingests that insert at the same time', () => {
  it('share the transactions, and each keeps its own rows, texts and journal', async () => {
    const { world, tiers, queue } = await openQueue();
    const write = vi.spyOn(tiers, 'write');
    const ingests = [];
    for (let op = 1; op <= 6; op++) {
      ingests.push(
        await ingest(world, op, [
          { id: 'a', text: `new of ${op}` },
          { id: 'b', text: `old of ${op}`, age: 30 },
        ]),
      );
    }
    const inserted = await Promise.all(ingests.map((one) => queue.insert(one, open())));
    // The first goes alone, because nobody waits yet; the others gather meanwhile.
    expect(write.mock.calls.map(([tier]) => tier)).toEqual(['hot', 'warm', 'hot', 'warm']);
    expect(await standing(tiers)).toEqual(
      [1, 2, 3, 4, 5, 6].flatMap((op) => [
        { tier: 'hot', row: op * 1000, op, text: `new of ${op}` },
        { tier: 'warm', row: op * 1000 + 1, op, text: `old of ${op}` },
      ]),
    );
    const journals = await Promise.all(
      inserted.map(async (rows, i) => {
        const file = world.file(`journal-${i}`);
        await rows.exportJournal(file);
        return tiers.read((connection) =>
          queryRows(
            connection,
            `SELECT op_id, system_id, upload_id, ord, content FROM '${file}' ORDER BY row_id`,
          ),
        );
      }),
    );
    expect(journals[3]).toEqual(
      ['new of 4', 'old of 4'].map((content) => ({
        op_id: 4n,
        system_id: 'host-4',
        upload_id: 'upload-4',
        ord: 4n,
        content,
      })),
    );
    expect(inserted[4]?.fewTexts).toEqual([
      { n: 0, content: 'new of 5', tags: [], model: EMBEDDING_MODEL },
      { n: 1, content: 'old of 5', tags: [], model: EMBEDDING_MODEL },
    ]);
    for (const rows of inserted) rows.close();
  });

  it('wait a moment for company where others were written just before them', async () => {
    const { world, tiers, queue } = await openQueue();
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map((op) => ingest(world, op, [{ id: 'a', text: `of ${op}` }])),
    );
    if (!first || !second || !third) expect.fail();
    const write = vi.spyOn(tiers, 'write');
    const waiting = [queue.insert(first, open()), queue.insert(second, open())];
    await Promise.race(waiting);
    // It comes when the next group could have begun.
    const inserted = await Promise.all([...waiting, queue.insert(third, open())]);
    expect(write).toHaveBeenCalledTimes(2);
    for (const rows of inserted) rows.close();
    expect((await standing(tiers)).map(({ op }) => op)).toEqual([1, 2, 3]);
  });

  it('are not held up by one of many bytes, which takes turns with them alone', async () => {
    const { world, tiers, queue } = await openQueue({ rows: 100, bytes: 100_000 });
    const write = vi.spyOn(tiers, 'write');
    // Random digits, which no compression makes fewer.
    const large = await ingest(world, 9, [{ id: 'a', text: randomBytes(200_000).toString('hex') }]);
    const small = await Promise.all([1, 2, 3].map((op) => ingest(world, op, [{ id: 'a', text: 'one' }])));
    const first = queue.insert(small[0] ?? expect.fail(), open());
    const rest = [large, ...small.slice(1)].map((one) => queue.insert(one, open()));
    const inserted = await Promise.all([first, ...rest]);
    for (const rows of inserted) rows.close();
    expect((await standing(tiers)).map(({ op }) => op)).toEqual([1, 2, 3, 9]);
    // The first, the large one, and the two others together.
    expect(write).toHaveBeenCalledTimes(3);
  });

  it('hand over texts in parts where they are too many for one', async () => {
    const { world, queue } = await openQueue();
    const text = 'x'.repeat(1_500_000);
    const ids = ['a', 'b', 'c'];
    const large = await ingest(
      world,
      1,
      ids.map((id) => ({ id, text: id + text })),
    );
    const [first, second] = await Promise.all([
      queue.insert(large, open()),
      queue.insert(await ingest(world, 2, [{ id: 'a', text: 'one' }]), open()),
    ]);
    expect(first.fewTexts).toBeUndefined();
    const parts: string[][] = [];
    for await (const part of first.texts()) parts.push(part.map(({ content }) => content.slice(0, 2)));
    expect(parts).toEqual([['ax', 'bx'], ['cx']]);
    for (const rows of [first, second]) rows.close();
  });

  it('do not fail for one among them whose rows cannot be read', async () => {
    const { world, tiers, queue } = await openQueue();
    const [first, second, broken, last] = await Promise.all(
      [1, 2, 3, 4].map((op) => ingest(world, op, [{ id: 'a', text: `of ${op}` }])),
    );
    if (!first || !second || !broken || !last) expect.fail();
    await rm(broken.rowsFile);
    await copyFile('package.json', broken.rowsFile);
    const outcomes = await Promise.allSettled(
      [first, second, broken, last].map((one) => queue.insert(one, open())),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect((await standing(tiers)).map(({ op }) => op)).toEqual([1, 2, 4]);
  });

  it('insert no row twice where their group fails between two tiers', async () => {
    const { world, tiers, queue } = await openQueue();
    const ingests = await Promise.all(
      [1, 2, 3].map((op) =>
        ingest(world, op, [
          { id: 'a', text: 'new' },
          { id: 'b', text: 'old', age: 30 },
        ]),
      ),
    );
    // A double, to fail at this very moment: a full disk would do it.
    const write = tiers.write.bind(tiers);
    let warm = 0;
    vi.spyOn(tiers, 'write').mockImplementation((tier, connection, work) =>
      tier === 'warm' && ++warm === 2
        ? Promise.reject(new Error('disk full'))
        : write(tier, connection, work),
    );
    await Promise.all(ingests.map((one) => queue.insert(one, open())));
    expect((await standing(tiers)).map(({ row }) => row)).toEqual([1000, 1001, 2000, 2001, 3000, 3001]);
    // The first alone; the others together, and then one by one.
    expect(warm).toBe(4);
  });

  it('leave out one that is closed before its turn', async () => {
    const { world, tiers, queue } = await openQueue();
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map((op) => ingest(world, op, [{ id: 'a', text: 'one' }])),
    );
    if (!first || !second || !third) expect.fail();
    const closed = new AbortController();
    const outcomes = [
      queue.insert(first, open()),
      queue.insert(second, closed.signal),
      queue.insert(third, open()),
    ];
    closed.abort(new Error('closed'));
    await expect(Promise.allSettled(outcomes)).resolves.toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { message: 'closed' } },
      { status: 'fulfilled' },
    ]);
    expect((await standing(tiers)).map(({ op }) => op)).toEqual([1, 3]);
  });
});
