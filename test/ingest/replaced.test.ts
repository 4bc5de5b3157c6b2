import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  inboxKey,
  isAkoshaError,
  manifestKey,
  TIERS,
  uploadPrefix,
  type UploadRef,
} from '../../src/contract/index.js';
import {
  ingestUpload,
  pollInbox,
  queueAnnounced,
  registerUpload,
  walkUploads,
} from '../../src/ingest/index.js';
import { CONVERSATIONS, makeBytes, oursManifest } from './hostile/make.js';
import { NOW, openIngestWorld, originalId, putOriginal, type IngestWorld } from './support.js';

let world: IngestWorld;
let systems = 0;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

const database = (text: string): Promise<Buffer> =>
  makeBytes(CONVERSATIONS, `INSERT INTO conversations_v2 VALUES ('1', '${text}'), ('2', 'two')`);

/** An upload of a new system, or of this one. */
async function arrive(
  text: string,
  systemId = `told-${++systems}`,
  uploadId = originalId(),
): Promise<UploadRef> {
  const ref = { systemId, uploadId };
  await putOriginal(world.uploads, ref, { 'reflection.duckdb': await database(text) });
  await world.uploads.put(inboxKey(ref), '');
  return ref;
}

async function textOf({ systemId }: UploadRef): Promise<string[]> {
  const found = await world.store.fetch([{ systemId, kind: 'conversation', memoryId: '1' }], TIERS);
  return found.map(({ content }) => content);
}

it('an upload told by events, inbox, walk and agent at once, and ingested by two workers, is ingested once', async () => {
  const ref = await arrive('once');
  const told = await Promise.all([
    ...[1, 2, 3].map(() => queueAnnounced(world.context, [ref, ref])),
    pollInbox(world.context),
    walkUploads(world.context, () => undefined, undefined, ref.systemId),
  ]);
  const byAgent = await registerUpload(world.context, ref);
  expect([...told.flatMap(({ added }) => added), ...(byAgent ? [ref] : [])]).toEqual([ref]);
  expect(told.flatMap(({ failed }) => failed)).toEqual([]);
  const attempts = await Promise.allSettled([1, 2].map(() => ingestUpload(world.context, ref)));
  for (const attempt of attempts) {
    if (attempt.status === 'rejected') expect(isAkoshaError(attempt.reason, 'OperationClosed')).toBe(true);
  }
  const later = await ingestUpload(world.context, ref);
  const outcomes = [
    ...attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? attempt.value : [])),
    later,
  ];
  // Of all that came to it, one tells of it as its own.
  expect(outcomes.filter(({ status }) => status !== 'already')).toMatchObject([
    { status: 'ingested', rows: { new: 2 } },
  ]);
  expect((await world.store.listMemories(ref.systemId, { limit: 10 })).memories).toHaveLength(2);
  const after = await Promise.all([queueAnnounced(world.context, [ref]), pollInbox(world.context)]);
  expect(after).toMatchObject([
    { added: [], failed: [], waiting: [] },
    { added: [], failed: [] },
  ]);
});

describe('an upload that is replaced under its id', () => {
  it('before it is ingested goes to quarantine', async () => {
    const ref = await arrive('first');
    await registerUpload(world.context, ref);
    const manifest = await world.uploads.get(manifestKey(ref));
    await world.uploads.put(manifestKey(ref), `${manifest.toString()} `);
    expect(await ingestUpload(world.context, ref)).toMatchObject({
      status: 'quarantined',
      reason: expect.stringContaining('its manifest is not the one that was queued'),
    });
  });

  it('afterwards is told, and what was first stands', async () => {
    const ref = await arrive('first');
    await registerUpload(world.context, ref);
    await ingestUpload(world.context, ref);
    const receipt = await world.receipt(ref);
    await world.uploads.put(`${uploadPrefix(ref)}reflection.duckdb`, await database('second'));
    await world.uploads.put(manifestKey(ref), JSON.stringify(oursManifest(ref, {})));
    await world.uploads.put(inboxKey(ref), '');
    const failed = [
      {
        ref,
        reason: expect.stringMatching(/is ingested already, by another manifest .*: what was first stands/),
      },
    ];
    expect(await queueAnnounced(world.context, [ref])).toMatchObject({ added: [], failed, onRecord: [ref] });
    expect(await pollInbox(world.context)).toMatchObject({ added: [], failed });
    expect(await world.announced(ref)).toBe(false);
    expect([await textOf(ref), await world.receipt(ref)]).toEqual([['first'], receipt]);
  });
});

it('an upload that comes after a newer one replaces nothing of it', async () => {
  const older = { systemId: `told-${++systems}`, uploadId: originalId() };
  const newer = await arrive('newer', older.systemId);
  await registerUpload(world.context, newer);
  await ingestUpload(world.context, newer);
  await arrive('older', older.systemId, older.uploadId);
  await registerUpload(world.context, older);
  const { rows } = await ingestUpload(world.context, older);
  expect(rows).toMatchObject({ new: 0, changed: 0, superseded: 1, unchanged: 1 });
  expect(await textOf(older)).toEqual(['newer']);
});

/** By a host whose clock shows `hostTime`; its rows' times are by that clock too. */
async function ingestByClock(
  systemId: string,
  hostTime: string,
  order: number,
  text: string,
): Promise<UploadRef> {
  const ref = { systemId, uploadId: `upload-${order}` };
  const files = {
    'reflection.duckdb': await makeBytes(
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, timestamp TIMESTAMP)',
      `INSERT INTO conversations_v2 VALUES ('1', '${text}', '${hostTime}'), ('own-${order}', 'x', '${hostTime}')`,
    ),
  };
  const manifest = { ...oursManifest(ref, files), order, timestamp: new Date(`${hostTime}Z`).toISOString() };
  await world.uploads.put(`${uploadPrefix(ref)}reflection.duckdb`, files['reflection.duckdb']);
  await world.uploads.put(manifestKey(ref), JSON.stringify(manifest));
  await registerUpload(world.context, ref);
  expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'ingested', rows: { refused: 0 } });
  return ref;
}

it('a host’s clock that is wrong by years loses nothing, and its order counts', async () => {
  const systemId = `told-${++systems}`;
  await ingestByClock(systemId, '2099-01-01 00:00:00', 1, 'first');
  await ingestByClock(systemId, '1970-01-01 00:00:00', 2, 'second');
  const last = await ingestByClock(systemId, '1969-12-31 00:00:00', 3, 'third');
  expect(await textOf(last)).toEqual(['third']);
  const keys = ['own-1', 'own-2', 'own-3'].map((memoryId) => ({
    systemId,
    kind: 'conversation' as const,
    memoryId,
  }));
  const found = await world.store.fetch(keys, TIERS);
  const placed = new Map(found.map(({ memoryId, tier, ownTime }) => [memoryId, [tier, ownTime]]));
  // What is of the future counts from the server's own now, the host's clock being wrong as well; what is before 1970 too.
  expect(Object.fromEntries(placed)).toEqual({
    'own-1': ['hot', NOW],
    'own-2': ['warm', 0],
    'own-3': ['hot', NOW],
  });
});
