import { expect, it } from 'vitest';
import { inboxKey, manifestKey, type RetentionCursor } from '../../src/contract/index.js';
import { explainUpload, ingestUpload, pollInbox, requestAgain, retryUpload } from '../../src/ingest/index.js';
import { openWorld } from '../store/support.js';
import { DAY, NOW, SYSTEM, type World } from '../store/protocol/world.js';
import { sharedReader } from '../support/shared-reader.js';

const refOf = (uploadId: string) => ({ systemId: SYSTEM, uploadId });
const fileOf = (uploadId: string): string => `systems/${SYSTEM}/uploads/${uploadId}/a.duckdb`;
const STATES = `SELECT upload_id || ' ' || state || ' ' || raw_left AS line FROM uploads ORDER BY upload_id`;

/** So many uploads, a day apart, with their files and receipts. */
async function worldOf(uploads: number): Promise<World> {
  const world = await openWorld();
  world.now = 30 * DAY;
  for (let n = 1; n <= uploads; n++) await addUpload(world, n);
  return world;
}

async function addUpload(world: World, n: number): Promise<void> {
  world.now += DAY;
  await world.archive.put(fileOf(`u${n}`), 'a database');
  await world.ingest(`u${n}`, n, [{ id: `m${n}`, text: `text ${n}` }], n === 1 ? null : n - 1);
  await world.putReceipt(`u${n}`);
}

const ingestOf = (world: World) => ({
  store: world.store,
  uploads: world.archive,
  reader: sharedReader(),
  scratch: world.folder,
  clock: () => NOW,
});

const states = (world: World): string[] => world.read<{ line: string }>(STATES).map(({ line }) => line);
const standing = async (world: World): Promise<string[]> =>
  (await world.objectNames('systems/')).map((key) => key.split('/').slice(3).join('/'));

it('goes N days after its receipt, and of the greatest order manifest and receipt stay until there is a greater', async () => {
  const world = await worldOf(3);
  await world.backup();
  world.now += 5 * DAY;
  // u1 is 7 days old; at 0 all are kept.
  expect(await world.retire(0)).toBe(0);
  expect(await world.retire(8)).toBe(0);
  expect(await world.retire(6)).toBe(2);
  expect(states(world)).toEqual(['u1 raw_gone nothing', 'u2 raw_gone nothing', 'u3 done all']);
  world.now += 5 * DAY;
  await world.backup();
  expect(await world.retire()).toBe(1);
  expect(states(world)[2]).toBe('u3 raw_gone names');
  expect(await standing(world)).toEqual(['u3/manifest.json', 'u3/receipt.json']);
  expect(await world.retire()).toBe(0);
  await addUpload(world, 4);
  await world.backup();
  expect(await world.retire()).toBe(1);
  expect(await standing(world)).toEqual(['u4/a.duckdb', 'u4/manifest.json', 'u4/receipt.json']);
  // Its memories stand, and what is told of it says that its files are gone.
  expect((await world.find('m1'))?.content).toBe('text 1');
  expect((await explainUpload(world.store, refOf('u1'))).next).toContain('its files were deleted');
  await expect(requestAgain(ingestOf(world), refOf('u1'))).rejects.toMatchObject({ type: 'UploadGone' });
  // A rebuild finds the ledger as it was.
  await world.backup();
  const before = states(world);
  await world.lose();
  await world.rebuild();
  // What of it went since the backup is looked at once more.
  await world.retire();
  expect(states(world)).toEqual(before);
  expect((await world.find('m1'))?.content).toBe('text 1');
});

it('stays while its row is in no backup, or it is to be ingested again', async () => {
  const world = await worldOf(3);
  world.now += 30 * DAY;
  expect(await world.retire()).toBe(0);
  await world.store.requestAgain(refOf('u1'));
  await world.backup();
  expect(await world.retire()).toBe(2);
  expect(states(world)).toEqual(['u1 done all', 'u2 raw_gone nothing', 'u3 raw_gone names']);
  await world.store.abandonAgain(refOf('u1'), 'a test');
  expect(await world.retire()).toBe(0);
  await world.backup();
  expect(await world.retire()).toBe(1);
});

it('of quarantine goes as any other, and cannot be retried then', async () => {
  const world = await openWorld();
  for (const [n, id] of ['u1', 'u2'].entries()) {
    await world.register(id, n + 1);
    await world.archive.put(fileOf(id), 'no database');
    await world.store.quarantine(refOf(id), 'no database');
    await world.putReceipt(id);
  }
  await world.store.drop(refOf('u2'), { by: 'somebody', reason: 'a test' });
  await addUpload(world, 3);
  await world.backup();
  world.now += 6.5 * DAY;
  expect(await world.retire()).toBe(2);
  expect(states(world)).toEqual(['u1 raw_gone nothing', 'u2 raw_gone nothing', 'u3 done all']);
  const context = ingestOf(world);
  await expect(retryUpload(context, refOf('u1'))).rejects.toMatchObject({ type: 'UploadGone' });
  expect((await explainUpload(world.store, refOf('u1'))).next).toContain('could not be read');
  expect(await ingestUpload(context, refOf('u1'))).toMatchObject({ status: 'already' });
  expect(await standing(world)).toEqual(['u3/a.duckdb', 'u3/manifest.json', 'u3/receipt.json']);
});

it('goes at once where forgotten rows were refused, or it was delivered again after it had gone', async () => {
  const world = await worldOf(2);
  await addUpload(world, 3);
  world.sql(`UPDATE uploads SET forgotten_rows = 1 WHERE upload_id = 'u1'`);
  await world.backup();
  expect(await world.retire()).toBe(1);
  expect(states(world)[0]).toBe('u1 raw_gone nothing');
  // Its host, whose answer was lost, delivers it once more.
  for (const key of [fileOf('u1'), manifestKey(refOf('u1')), inboxKey(refOf('u1'))])
    await world.archive.put(key, 'again');
  expect((await pollInbox(ingestOf(world))).failed).toHaveLength(1);
  expect(states(world)[0]).toBe('u1 raw_gone all');
  expect(await world.retire(0)).toBe(0);
  await world.backup();
  expect(await world.retire(0)).toBe(1);
  expect((await standing(world)).filter((key) => key.startsWith('u1/'))).toEqual([]);
  expect(await world.objectNames('inbox/')).toEqual([]);
});

it('is found a page at a time, the oldest first', async () => {
  const world = await worldOf(5);
  await world.backup();
  const seen: string[] = [];
  const page = { before: world.now, limit: 2 };
  for (let after: RetentionCursor = { part: 'expired', since: 0, systemId: '', uploadId: '' }; ;) {
    const found: RetentionCursor[] = await world.store.uploadsToRetire({ ...page, after });
    const last = found.at(-1);
    if (last === undefined) break;
    expect(found.length).toBeLessThanOrEqual(2);
    seen.push(...found.map(({ uploadId }) => uploadId));
    after = last;
  }
  expect(seen).toEqual(['u1', 'u2', 'u3', 'u4', 'u5']);
});
