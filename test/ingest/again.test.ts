import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AkoshaError,
  inboxKey,
  manifestKey,
  NO_ROWS,
  receiptKey,
  uploadPrefix,
  type UploadRef,
} from '../../src/contract/index.js';
import {
  ingestUpload,
  pollInbox,
  registerUpload,
  requestAgain,
  walkUploads,
  type IngestContext,
} from '../../src/ingest/index.js';
import { makeDatabase } from '../support/databases.js';
import { openIngestWorld, originalId, putOriginal, type IngestWorld } from './support.js';

let world: IngestWorld;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

let systems = 0;

async function gzipped(...rows: [id: string, content: string][]): Promise<Buffer> {
  const file = join(world.folder, `${++systems}.duckdb`);
  const values = rows.map(([id, content]) => `('${id}', '${content}')`).join(', ');
  await makeDatabase(
    file,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
    `INSERT INTO conversations_v2 VALUES ${values}`,
  );
  return gzipSync(await readFile(file));
}

/** An upload of an original host with two conversations, ingested. */
async function ingested(systemId = `again-${++systems}`): Promise<UploadRef> {
  const ref = { systemId, uploadId: originalId() };
  await putOriginal(world.uploads, ref, {
    'reflection.duckdb.gz': await gzipped(['1', 'one'], ['2', 'two']),
  });
  await registerUpload(world.context, ref);
  expect(await ingestUpload(world.context, ref)).toMatchObject({ rows: { new: 2 } });
  return ref;
}

/** What a newer reader finds in the same files: the stored object differs, and nothing else does. */
async function readDifferently(ref: UploadRef, ...rows: [id: string, content: string][]): Promise<void> {
  await world.uploads.put(`${uploadPrefix(ref)}reflection.duckdb.gz`, await gzipped(...rows));
}

const textOf = async ({ systemId }: UploadRef, memoryId: string): Promise<string[]> => {
  const key = { systemId, kind: 'conversation', memoryId } as const;
  return (await world.store.fetch([key], ['hot', 'warm', 'cold'])).map(({ content }) => content);
};
const rowsOf = async (ref: UploadRef) => (await world.receipt(ref))?.rows;

describe('an upload that is ingested again', () => {
  it('is read anew as another operation, and its receipt says how often and what the first did', async () => {
    const ref = await ingested();
    const first = await world.receipt(ref);
    await readDifferently(ref, ['1', 'one'], ['2', 'two, and what the old reader left out'], ['3', 'three']);
    expect(await requestAgain(world.context, ref)).toMatchObject({ state: 'done', again: { times: 0 } });
    // Until it is committed everything stands, its receipt too.
    expect(await world.receipt(ref)).toEqual(first);
    expect(await world.store.nextUpload(ref.systemId)).toMatchObject(ref);
    expect(await world.store.unfinishedSystems(1000)).toContain(ref.systemId);
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'ingested' });
    expect(await world.receipt(ref)).toMatchObject({
      rows: { ...NO_ROWS, new: 1, changed: 1, unchanged: 1 },
      again: { times: 1, first: { ingested_at: first?.ingested_at, rows: { ...NO_ROWS, new: 2 } } },
    });
    expect(await textOf(ref, '1')).toEqual(['one']);
    expect(await textOf(ref, '2')).toEqual(['two, and what the old reader left out']);
    expect(await textOf(ref, '3')).toEqual(['three']);
    expect(await world.store.nextUpload(ref.systemId)).toBeUndefined();
    // And a second time, which keeps what the first of all did.
    await requestAgain(world.context, ref);
    await ingestUpload(world.context, ref);
    expect(await world.receipt(ref)).toMatchObject({
      rows: { ...NO_ROWS, unchanged: 3 },
      again: { times: 2, first: { ingested_at: first?.ingested_at, rows: { new: 2 } } },
    });
  });

  it('is done once, however often it is asked for while it waits, and by two workers at once', async () => {
    const ref = await ingested();
    for (let i = 0; i < 3; i++) await requestAgain(world.context, ref);
    const outcomes = await Promise.allSettled([
      ingestUpload(world.context, ref),
      ingestUpload(world.context, ref),
    ]);
    expect(outcomes.map(({ status }) => status)).toContain('fulfilled');
    // Temporal tries one that lost against the other again.
    await ingestUpload(world.context, ref);
    expect(await world.receipt(ref)).toMatchObject({ rows: { unchanged: 2 }, again: { times: 1 } });
    expect(await textOf(ref, '1')).toEqual(['one']);
  });

  it('replaces nothing that a later upload has unchanged, though its placement tells nothing of that', async () => {
    const first = await ingested();
    const later = await (async () => {
      const ref = { systemId: first.systemId, uploadId: originalId() };
      await putOriginal(world.uploads, ref, {
        'reflection.duckdb.gz': await gzipped(['1', 'one'], ['2', 'two']),
      });
      await registerUpload(world.context, ref);
      await ingestUpload(world.context, ref);
      return ref;
    })();
    expect(await rowsOf(later)).toMatchObject({ unchanged: 2 });
    await readDifferently(first, ['1', 'read otherwise'], ['4', 'never read before']);
    await requestAgain(world.context, first);
    await ingestUpload(world.context, first);
    expect(await rowsOf(first)).toMatchObject({ superseded: 1, changed: 0, new: 1 });
    expect(await textOf(first, '1')).toEqual(['one']);
    expect(await textOf(first, '2')).toEqual(['two']);
    expect(await textOf(first, '4')).toEqual(['never read before']);
  });

  it('is the newest all the while for a late mirror upload', async () => {
    const systemId = `again-${++systems}`;
    const late = { systemId, uploadId: originalId() };
    const newest = await ingested(systemId);
    await requestAgain(world.context, newest);
    const lateRows = { 'reflection.duckdb.gz': await gzipped(['9', 'nine']) };
    await putOriginal(world.uploads, late, lateRows);
    await registerUpload(world.context, late);
    await ingestUpload({ ...world.context, mirrorSystems: [systemId] }, late);
    expect(await rowsOf(late)).toMatchObject({ new: 1, deleted: 0 });
    await ingestUpload(world.context, newest);
    expect([await textOf(newest, '1'), await textOf(newest, '9')]).toEqual([['one'], ['nine']]);
  });

  it('gets its receipt from the next attempt where the server died after the commit', async () => {
    const ref = await ingested();
    await requestAgain(world.context, ref);
    const dying: IngestContext = world.withFaults({
      put: () => Promise.reject(new AkoshaError('ObjectStoreUnavailable', 'injected')),
    });
    await expect(ingestUpload(dying, ref)).rejects.toMatchObject({ type: 'ObjectStoreUnavailable' });
    expect(await world.receipt(ref)).not.toHaveProperty('again');
    expect(await world.store.nextUpload(ref.systemId)).toMatchObject({ ...ref, state: 'committed' });
    await ingestUpload(world.context, ref);
    expect(await world.receipt(ref)).toMatchObject({ rows: { unchanged: 2 }, again: { times: 1 } });
  });

  it('stays as it was where its files cannot be read any more', async () => {
    const ref = await ingested();
    const receipt = await world.receipt(ref);
    await world.uploads.put(`${uploadPrefix(ref)}reflection.duckdb.gz`, 'no gzip');
    await requestAgain(world.context, ref);
    const { status, rows, reason } = await ingestUpload(world.context, ref);
    expect({ status, rows }).toEqual({ status: 'kept', rows: NO_ROWS });
    expect(await world.store.getUpload(ref)).toMatchObject({
      state: 'done',
      rows: { new: 2 },
      again: { requestedAt: null, times: 0, failure: reason },
    });
    expect(await world.receipt(ref)).toEqual(receipt);
    expect(await world.store.nextUpload(ref.systemId)).toBeUndefined();
    expect(await textOf(ref, '1')).toEqual(['one']);
  });

  it('is left alone by a walk and by an inbox entry that comes again', async () => {
    const ref = await ingested();
    await requestAgain(world.context, ref);
    await world.uploads.put(inboxKey(ref), '');
    await pollInbox(world.context);
    expect((await walkUploads(world.context, () => undefined, undefined, ref.systemId)).added).toEqual([]);
    await ingestUpload(world.context, ref);
    expect(await rowsOf(ref)).toMatchObject({ new: 0, unchanged: 2 });
  });
});

describe('what cannot be ingested again', () => {
  it('is an upload whose files retention took', async () => {
    const ref = await ingested();
    await world.uploads.delete([manifestKey(ref)]);
    await expect(requestAgain(world.context, ref)).rejects.toMatchObject({
      type: 'UploadGone',
      message: expect.stringContaining('as many days after its receipt as upload_retention_days says'),
    });
    expect(await world.uploads.head(receiptKey(ref))).toBeDefined();
    expect(await world.store.getUpload(ref)).toMatchObject({ state: 'done', again: null });
  });

  it('is one in quarantine, and one that is not known; one that waits is on its way', async () => {
    const ref = { systemId: `again-${++systems}`, uploadId: originalId() };
    await expect(requestAgain(world.context, ref)).rejects.toMatchObject({ type: 'UploadUnknown' });
    await putOriginal(world.uploads, ref, { 'reflection.duckdb.gz': Buffer.from('no gzip') });
    await registerUpload(world.context, ref);
    expect(await requestAgain(world.context, ref)).toMatchObject({ state: 'pending', again: null });
    await ingestUpload(world.context, ref);
    await expect(requestAgain(world.context, ref)).rejects.toThrow(
      /`akosha quarantine retry` reads it again/,
    );
  });
});
