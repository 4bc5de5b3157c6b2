import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AkoshaError, inboxKey, manifestKey, NO_ROWS, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, pollInbox, registerUpload, walkUploads } from '../../src/ingest/index.js';
import type { ObjectStore } from '../../src/objects/index.js';
import { openHost, syncDirectly, type HostContext } from '../../src/upload/index.js';
import { makeDatabase, SAMPLES } from '../support/databases.js';
import {
  NOW,
  openIngestWorld,
  originalId,
  putOriginal,
  SAMPLE_FILES,
  sampleFiles,
  type IngestWorld,
} from './support.js';

/** Rows of both samples: 208 conversations, 104 reflections, 56 entities, 79 relations. */
const SAMPLE_ROWS = 208 + 104 + 56 + 79;

let world: IngestWorld;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list(prefix)) keys.push(...page.objects.map(({ key }) => key));
  return keys;
}

/** Queues an upload of the original kind. */
async function queue(ref: UploadRef, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await putOriginal(world.uploads, ref, files);
  expect(await registerUpload(world.context, ref)).toBe(true);
}

describe('an upload of the original Session-Buddy', () => {
  it('is ingested whole: rows, journal in the archive store, receipt', async () => {
    const ref = { systemId: 'original', uploadId: originalId() };
    await putOriginal(world.uploads, ref, await sampleFiles());
    expect((await walkUploads(world.context, () => undefined)).added).toEqual([ref]);

    const outcome = await ingestUpload(world.context, ref);
    expect(outcome).toMatchObject({ status: 'ingested', reason: null });
    expect(outcome.rows).toEqual({ ...NO_ROWS, new: SAMPLE_ROWS });
    const tiers = await world.store.countTiers();
    expect(tiers.hot.rows + tiers.warm.rows).toBe(SAMPLE_ROWS);

    expect(await world.receipt(ref)).toMatchObject({ status: 'ingested', rows: outcome.rows });
    expect((await world.receipt(ref))?.files.map(({ name }) => name)).toEqual(
      SAMPLE_FILES.map((name) => `${name}.gz`),
    );
    expect(await keysOf(world.archive, '')).toEqual([
      expect.stringMatching(/^journal\/system=original\/.+\.parquet$/),
    ]);
    expect(await keysOf(world.uploads, 'journal/')).toEqual([]);
    expect(await keysOf(world.archive, 'systems/')).toEqual([]);
    expect(await ingestUpload(world.context, ref)).toEqual({
      status: 'already',
      rows: NO_ROWS,
      reason: null,
    });
  });

  it('again brings nothing new', async () => {
    const ref = { systemId: 'original', uploadId: originalId() };
    await queue(ref, await sampleFiles());
    const { rows } = await ingestUpload(world.context, ref);
    expect(rows).toEqual({ ...NO_ROWS, unchanged: SAMPLE_ROWS });
  });
});

describe('an upload that cannot be read', () => {
  const good = async (): Promise<Record<string, Uint8Array>> => ({
    'reflection.duckdb.gz': gzipSync(await readFile(join(SAMPLES, 'reflection.duckdb'))),
  });

  it('for a corrupt file is quarantined with its reason, and the system’s next one goes on', async () => {
    const systemId = 'corrupt';
    const [bad, next] = [originalId(), originalId()].map((uploadId) => ({ systemId, uploadId }));
    if (bad === undefined || next === undefined) expect.fail();
    await putOriginal(world.uploads, bad, { 'reflection.duckdb.gz': gzipSync(Buffer.alloc(65_536, 7)) });
    await world.uploads.put(inboxKey(bad), '');
    await putOriginal(world.uploads, next, await good());
    await world.uploads.put(inboxKey(next), '');
    expect((await pollInbox(world.context)).added).toEqual([bad, next]);

    expect(await world.store.nextUpload(systemId)).toMatchObject(bad);
    const outcome = await ingestUpload(world.context, bad);
    expect(outcome.status).toBe('quarantined');
    expect(outcome.reason).toMatch(/^reflection\.duckdb\.gz is not a DuckDB file/);
    expect(await world.receipt(bad)).toMatchObject({ status: 'quarantined', reason: outcome.reason });
    expect(await world.announced(bad)).toBe(false);

    expect(await world.store.nextUpload(systemId)).toMatchObject(next);
    expect(await ingestUpload(world.context, next)).toMatchObject({ status: 'ingested' });
    expect(await world.announced(next)).toBe(false);
    expect(await world.store.nextUpload(systemId)).toBeUndefined();
  });

  it('is told of as quarantined by the attempt that puts its receipt, where the first could not, and by no other', async () => {
    const ref = { systemId: 'untold', uploadId: originalId() };
    await queue(ref, { 'reflection.duckdb.gz': gzipSync(Buffer.alloc(65_536, 7)) });
    const context = world.withFaults({
      put: () => Promise.reject(new AkoshaError('ObjectStoreUnavailable', 'injected')),
    });
    await expect(ingestUpload(context, ref)).rejects.toMatchObject({ type: 'ObjectStoreUnavailable' });
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'quarantined' });
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'already' });
  });

  it.each([
    ['its manifest is missing', (ref: UploadRef) => world.uploads.delete([manifestKey(ref)])],
    [
      'its manifest is not the one that was queued',
      (ref: UploadRef) => putOriginal(world.uploads, ref, { 'other.duckdb.gz': Buffer.alloc(9) }),
    ],
  ])('because %s is quarantined rather than tried for ever', async (reason, damage) => {
    const ref = { systemId: 'gone', uploadId: originalId() };
    await queue(ref, await good());
    await damage(ref);
    const outcome = await ingestUpload(world.context, ref);
    expect(outcome.status).toBe('quarantined');
    expect(outcome.reason).toContain(reason);
    expect(await world.receipt(ref)).toMatchObject({ status: 'quarantined' });
    expect(await world.store.nextUpload('gone')).toBeUndefined();
  });
});

describe('the rows that a manifest claims', () => {
  /** Two conversations and one without content, an entity and one without a name. */
  const host = async (systemId: string): Promise<HostContext> => {
    const database = join(world.folder, `${systemId}.duckdb`);
    await makeDatabase(
      database,
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 VALUES ('1', 'one'), ('2', 'two'), ('3', NULL)`,
      'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR)',
      `INSERT INTO kg_entities VALUES ('1', 'api'), ('2', NULL)`,
    );
    const opened = openHost({
      systemId,
      dataDir: join(world.folder, systemId),
      databases: [database],
      uploads: world.uploads,
      reader: world.context.reader,
      timeZone: 'UTC',
      now: () => NOW,
    });
    onTestFinished(() => opened.close());
    return opened;
  };

  it('include those that are skipped', async () => {
    const ref = { systemId: 'claims', uploadId: 'upload-1' };
    await syncDirectly(await host(ref.systemId), { uploadId: ref.uploadId });
    await registerUpload(world.context, ref);
    const outcome = await ingestUpload(world.context, ref);
    expect(outcome).toMatchObject({ status: 'ingested', rows: { new: 3 } });
  });

  it('are compared kind by kind', async () => {
    const ref = { systemId: 'overclaims', uploadId: 'upload-1' };
    await syncDirectly(await host(ref.systemId), { uploadId: ref.uploadId });
    // One more than there is, which the entity that was skipped does not make up for.
    const manifest = (await world.uploads.get(manifestKey(ref))).toString('utf8');
    const claimed = manifest.replace('"conversation": 3', '"conversation": 4');
    expect(claimed).not.toBe(manifest);
    await world.uploads.put(manifestKey(ref), claimed);
    await registerUpload(world.context, ref);
    const outcome = await ingestUpload(world.context, ref);
    expect(outcome).toMatchObject({ status: 'quarantined' });
    expect(outcome.reason).toContain('the manifest says 4 conversation rows, found 3');
  });
});
