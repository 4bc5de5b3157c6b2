import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BatchSummary } from '../../src/contract/index.js';
import { withDuckDB } from '../support/databases.js';
import { loadPatched, loadProgram, type Library } from './protocol/library.js';
import { NOW, SYSTEM, World } from './protocol/world.js';

const DAY = 86_400_000;
const MONTH_LATER = NOW + 30 * DAY;
const YEAR_LATER = NOW + 365 * DAY;
const A = { id: 'a', text: 'alpha', age: 3 };
const B = { id: 'b', text: 'beta' };
const C = { id: 'c', text: 'gamma' };

let library: Library;
let world: World;
let logged: unknown[];

beforeAll(async () => {
  library = await loadProgram();
});
beforeEach(async () => {
  await enter(library);
});
afterEach(() => world.destroy());

async function enter(program: Library): Promise<void> {
  world = await World.create(program);
  logged = [];
}

function maintenance(): ReturnType<World['maintenance']> {
  const log = {
    info: () => undefined,
    warn: (details: Record<string, unknown>) => void logged.push(details),
  };
  return { ...world.maintenance(), log };
}

function moveToWarm(): Promise<BatchSummary> {
  return world.library.maintenance.moveToWarm(maintenance(), MONTH_LATER);
}

async function moveToCold(): Promise<BatchSummary[]> {
  const partitions = await world.store.coldPartitionsDue(YEAR_LATER, true);
  const { maintenance: functions } = world.library;
  return Promise.all(
    partitions.map((partition) => functions.moveToCold(maintenance(), YEAR_LATER, partition)),
  );
}

/** Changes the tier files behind the store's back, as a damaged disk would. */
async function damage(...statements: string[]): Promise<void> {
  await world.store.close();
  await withDuckDB(async (connection) => {
    for (const tier of ['hot', 'warm'])
      await connection.run(`ATTACH '${path.join(world.folder, 'store', `${tier}.duckdb`)}' AS ${tier}`);
    for (const statement of statements) await connection.run(statement);
  });
  await world.open();
}

const held = (reason: string, id: string, rows = 1): { held: unknown[] } => ({
  held: [{ reason, rows, example: `${SYSTEM}/conversation/${id}` }],
});

describe('a row that is not where its placement says', () => {
  beforeEach(async () => {
    await world.ingest('u1', 1, [A, B]);
    await damage(`DELETE FROM hot.main.day_20261119 WHERE memory_id = 'a'`);
  });

  it('is left out of its batch, counted and logged, and the others are moved', async () => {
    expect(await moveToWarm()).toEqual({ due: 2, moved: 1, ...held('row_missing', 'a') });
    expect(logged).toEqual([{ due: 2, moved: 1, ...held('row_missing', 'a') }]);
    expect((await world.find('b'))?.tier).toBe('warm');
  });

  it('is out of the next ones too, and tried again after a day', async () => {
    await moveToWarm();
    expect(await moveToWarm()).toEqual({ due: 0, moved: 0 });
    expect((await world.store.countDue(MONTH_LATER)).hot).toBe(0);
    world.now += DAY;
    expect((await world.store.countDue(MONTH_LATER)).hot).toBe(1);
    expect(await moveToWarm()).toEqual({ due: 1, moved: 0, ...held('row_missing', 'a') });
    expect(await moveToWarm()).toEqual({ due: 0, moved: 0 });
  });

  it('is free at once when its memory is written anew', async () => {
    await moveToWarm();
    await world.ingest('u2', 2, [{ ...A, text: 'alpha again' }], 1);
    expect(await moveToWarm()).toEqual({ due: 1, moved: 1 });
    expect(await world.find('a')).toMatchObject({ tier: 'warm', content: 'alpha again' });
  });
});

it('a table that is gone takes only its own rows out of the batch', async () => {
  await world.ingest('u1', 1, [A, B]);
  await damage('DROP TABLE hot.main.day_20261119');
  expect(await moveToWarm()).toEqual({ due: 2, moved: 1, ...held('row_missing', 'a') });
});

it('a tier that is gone ends no transition', async () => {
  await world.ingest('u1', 1, [A, B]);
  await damage('DROP TABLE hot.main.day_20261119', 'DROP TABLE hot.main.day_20261121');
  expect(await moveToWarm()).toEqual({ due: 2, moved: 0, ...held('row_missing', 'a', 2) });
  expect(await moveToWarm()).toEqual({ due: 0, moved: 0 });
});

it('rows that are gone from warm leave no cold object', async () => {
  await world.ingest('u1', 1, [A, B]);
  await moveToWarm();
  await damage('DROP TABLE warm.main.month_202611');
  expect(await moveToCold()).toEqual([{ due: 2, moved: 0, ...held('row_missing', 'a', 2) }]);
  expect(await world.objectNames('cold/')).toEqual([]);
  expect(await world.store.coldPartitionsDue(YEAR_LATER, true)).toEqual([]);
});

it('a copy in warm that differs is held, swept, and the others are moved', async () => {
  await world.ingest('u1', 1, [A, B, C]);
  // No ingest lets such a number in.
  await damage(
    `UPDATE hot.main.day_20261121 SET embedding = CAST(list_transform(range(384),
       lambda x: CASE WHEN x = 7 THEN 'nan' ELSE '0.5' END) AS FLOAT[384]) WHERE memory_id = 'b'`,
  );
  expect(await moveToWarm()).toEqual({ due: 3, moved: 2, ...held('copy_differs', 'b') });
  await world.sweepAfter(1000);
  expect((await world.sweepAfter(1000)).rows).toBe(3);
  expect((await world.find('b'))?.tier).toBe('hot');
  expect([(await world.find('a'))?.tier, (await world.find('c'))?.tier]).toEqual(['warm', 'warm']);
});

it('a row of a cold object that differs is held, and the others are moved', async () => {
  const { library: erring, remove } = await loadPatched('cold-writer-errs', [
    {
      file: 'store/embedded/tiers/moving.js',
      from: 'signs FROM moving`',
      to: "signs FROM (SELECT * REPLACE (CASE memory_id WHEN 'a' THEN 'other' ELSE content END AS content) FROM moving)`",
    },
  ]);
  try {
    await world.destroy();
    await enter(erring);
    await world.ingest('u1', 1, [A, B]);
    await moveToWarm();
    expect(await moveToCold()).toEqual([{ due: 2, moved: 1, ...held('copy_differs', 'a') }]);
    expect(await world.find('a')).toMatchObject({ tier: 'warm', content: 'alpha' });
    expect(await world.find('b')).toMatchObject({ tier: 'cold', content: 'beta' });
  } finally {
    await remove();
  }
});

it('vectors at the ends of FLOAT are moved like any', async () => {
  const extremes = [1e-45, 1e-40, 1e-36, 1e37, 3.4e38].map((peak) => ({
    id: String(peak),
    text: `peak ${peak}`,
    peak,
  }));
  await world.ingest('u1', 1, extremes);
  expect(await moveToWarm()).toEqual({ due: 5, moved: 5 });
  expect(await moveToCold()).toEqual([{ due: 5, moved: 5 }]);
  // Old ones go to warm at once.
  const old = extremes.map((row) => ({ ...row, id: `old ${row.id}`, age: 30 }));
  expect(await world.ingest('u2', 2, old, 1)).toMatchObject({ new: 5 });
});
