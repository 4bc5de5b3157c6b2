import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AkoshaError, manifestKey, uploadPrefix, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, KnownManifests, registerUpload, type IngestContext } from '../../src/ingest/index.js';
import type { ObjectStore } from '../../src/objects/index.js';
import { CONVERSATIONS, makeBytes, oursManifest } from './hostile/make.js';
import { openIngestWorld, originalId, putOriginal, type IngestWorld } from './support.js';

let world: IngestWorld;
let systems = 0;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

const FILE = 'reflection.duckdb';

const database = (text: string): Promise<Buffer> =>
  makeBytes(CONVERSATIONS, `INSERT INTO conversations_v2 VALUES ('1', '${text}'), ('2', 'two')`);

async function arrive(): Promise<UploadRef> {
  const ref = { systemId: `known-${++systems}`, uploadId: originalId() };
  const bytes = await database('first');
  await world.uploads.put(uploadPrefix(ref) + FILE, bytes);
  await world.uploads.put(manifestKey(ref), JSON.stringify(oursManifest(ref, { [FILE]: bytes })));
  return ref;
}

/** The server's context, and the keys that it gets into memory; `getFile` may be a double that injects a fault. */
function watched(faults: Partial<ObjectStore> = {}): { context: IngestContext; got: string[] } {
  const got: string[] = [];
  const get: ObjectStore['get'] = (key, options) => {
    got.push(key);
    return world.uploads.get(key, options);
  };
  return { context: { ...world.withFaults({ get, ...faults }), manifests: new KnownManifests() }, got };
}

describe('the manifest of an upload', () => {
  it('is fetched when it is queued, and not once more when it is ingested', async () => {
    const { context, got } = watched();
    const ref = await arrive();
    await registerUpload(context, ref);
    expect(await ingestUpload(context, ref)).toMatchObject({ status: 'ingested', rows: { new: 2 } });
    expect(got).toEqual([manifestKey(ref)]);
  });

  it('is fetched again by the attempt after one that failed', async () => {
    const ref = await arrive();
    const { context, got } = watched({
      getFile: () => Promise.reject(new AkoshaError('ObjectStoreUnavailable', 'injected')),
    });
    await registerUpload(context, ref);
    await expect(ingestUpload(context, ref)).rejects.toMatchObject({ type: 'ObjectStoreUnavailable' });
    await expect(ingestUpload(context, ref)).rejects.toMatchObject({ type: 'ObjectStoreUnavailable' });
    expect(got).toEqual([manifestKey(ref), manifestKey(ref)]);
  });

  it('with the hashes of its files admits no other ones, put in their place meanwhile', async () => {
    const { context } = watched();
    const ref = await arrive();
    await registerUpload(context, ref);
    await world.uploads.put(uploadPrefix(ref) + FILE, await database('second'));
    expect(await ingestUpload(context, ref)).toMatchObject({
      status: 'quarantined',
      reason: expect.stringContaining(FILE),
    });
  });

  it('without such hashes is fetched again, because nothing else tells of other files', async () => {
    const { context } = watched();
    const ref = { systemId: `known-${++systems}`, uploadId: originalId() };
    await putOriginal(world.uploads, ref, { [FILE]: await database('first') });
    await registerUpload(context, ref);
    const manifest = await world.uploads.get(manifestKey(ref));
    await world.uploads.put(manifestKey(ref), `${manifest.toString()} `);
    expect(await ingestUpload(context, ref)).toMatchObject({ status: 'quarantined' });
  });
});

it('known manifests take a bounded space, and the oldest go first', () => {
  const known = new KnownManifests(25);
  const places = ['a', 'b', 'c'].map((uploadId) => ({ systemId: 'host', uploadId }));
  for (const place of places)
    known.remember(place, { bytes: Buffer.alloc(10, place.uploadId), sha256: place.uploadId });
  expect(places.map((place) => known.take(place, place.uploadId)?.toString())).toEqual([
    undefined,
    'b'.repeat(10),
    'c'.repeat(10),
  ]);
  // What was taken leaves its space.
  for (const place of places.slice(0, 2)) known.remember(place, { bytes: Buffer.alloc(10), sha256: 'x' });
  expect(known.take({ systemId: 'host', uploadId: 'a' }, 'other')).toBeUndefined();
  expect(known.take({ systemId: 'host', uploadId: 'b' }, 'x')).toHaveLength(10);
});
