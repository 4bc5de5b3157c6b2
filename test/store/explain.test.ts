import { beforeEach, expect, it } from 'vitest';
import type { MemoryExplanation } from '../../src/store/index.js';
import { openWorld } from './support.js';
import { NOW, SYSTEM, type World } from './protocol/world.js';

const DAY = 86_400_000;
const A = { id: 'a', text: 'alpha', age: 3 };
const WARM_AT = NOW + 30 * DAY;
const COLD_AT = NOW + 365 * DAY;

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

async function explain(id: string, asOf = NOW): Promise<MemoryExplanation> {
  const found = await world.store.explainMemory(
    { systemId: SYSTEM, kind: 'conversation', memoryId: id },
    asOf,
  );
  return found ?? expect.fail(`${id} is not known`);
}

it('tells where a hot memory is, by what version, and when it is due', async () => {
  await world.ingest('u1', 7, [A]);
  const [journal] = await world.objectNames('journal/');
  expect(await explain('a')).toMatchObject({
    tier: 'hot',
    ownTime: NOW - 3 * DAY,
    table: 'day_20261119',
    object: null,
    keeper: { name: journal, kind: 'journal' },
    version: { order: 7, uploadId: 'u1', uploadState: 'done', ingestedAt: world.now, deleted: false },
    history: [{ what: 'placed' }],
    lastError: null,
    moving: null,
    why: expect.stringContaining('3.0 days before'),
    next: { to: 'warm', due: NOW + 4 * DAY, waitsFor: [{ what: 'age', until: NOW + 4 * DAY }] },
  });
});

it('tells what is due of none that waits', async () => {
  await world.ingest('u1', 1, [A]);
  const { why, next } = await explain('a', WARM_AT);
  expect(next).toMatchObject({ to: 'warm', waitsFor: [] });
  expect(why).toContain('it is to be warm, and was not moved yet');
});

it('tells that a small cold object waits for company, and a row for its upload’s receipt', async () => {
  await world.register('u1', 1);
  await world.commit('u1', [A]);
  await world.library.maintenance.moveToWarm(world.maintenance(), WARM_AT);
  const due = NOW + 87 * DAY;
  const { next } = await explain('a', due + DAY);
  expect(next?.waitsFor).toEqual([
    { what: 'receipt', until: null, detail: expect.stringContaining('upload u1 is committed') },
    { what: 'company', until: due + 7 * DAY, detail: expect.stringContaining('1 memories') },
  ]);
  expect((await explain('a', due + 7 * DAY)).next?.waitsFor.map(({ what }) => what)).toEqual(['receipt']);
});

it('tells the batch that has a row, and the fault that keeps it', async () => {
  await world.ingest('u1', 1, [A]);
  const move = await world.store.openMove(WARM_AT, 10);
  expect((await explain('a', WARM_AT)).next?.waitsFor).toMatchObject([{ what: 'batch' }]);
  await move?.close();
  // As a damaged disk would have it: the row is in no table.
  world.sql(`UPDATE placements SET row_id = row_id + 1000`);
  await world.library.maintenance.moveToWarm(world.maintenance(), WARM_AT);
  const { next, lastError } = await explain('a', WARM_AT);
  expect(lastError).toEqual({ reason: 'row_missing', retriedAt: world.now + DAY });
  expect(next?.waitsFor).toMatchObject([{ what: 'fault', detail: expect.stringContaining('row_missing') }]);
});

it('tells the cold object of a cold memory, which goes nowhere', async () => {
  await world.ingest('u1', 1, [A]);
  await world.library.maintenance.moveToWarm(world.maintenance(), WARM_AT);
  const [partition] = await world.store.coldPartitionsDue(COLD_AT, true);
  await world.library.maintenance.moveToCold(
    world.maintenance(),
    COLD_AT,
    partition ?? expect.fail('nothing is due'),
  );
  const [cold] = await world.objectNames('cold/');
  const found = await explain('a', COLD_AT);
  expect(found).toMatchObject({ tier: 'cold', table: null, object: { name: cold }, next: null });
  expect(found.keeper).toEqual(found.object);
  expect(found.history.map(({ what }) => what)).toEqual(['placed', 'moved', 'moved']);
});

it('knows nothing of a key without a placement', async () => {
  const key = { systemId: SYSTEM, kind: 'entity', memoryId: 'a' } as const;
  expect(await world.store.explainMemory(key, NOW)).toBeUndefined();
});
