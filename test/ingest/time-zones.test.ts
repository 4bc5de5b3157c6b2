import { afterAll, beforeAll, expect, it } from 'vitest';
import { manifestKey, uploadPrefix } from '../../src/contract/index.js';
import { ingestUpload, registerUpload } from '../../src/ingest/index.js';
import { makeBytes, oursManifest } from './hostile/make.js';
import { openIngestWorld, putOriginal, type IngestWorld } from './support.js';

let world: IngestWorld;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

/** Clocks in Berlin went from 02:00 to 03:00 on 29 March, and from 03:00 back to 02:00 on 25 October. */
const LOCAL = ['2026-03-29 01:59:00', '2026-03-29 03:00:00', '2026-10-25 01:59:00', '2026-10-25 03:00:00'];
const IN_BERLIN = [
  '2026-03-29T00:59:00Z',
  '2026-03-29T01:00:00Z',
  '2026-10-24T23:59:00Z',
  '2026-10-25T02:00:00Z',
];
const IN_UTC = LOCAL.map((time) => `${time.replace(' ', 'T')}Z`);

/** A time with a zone beside them is an instant in every zone. */
async function database(): Promise<Buffer> {
  const rows = LOCAL.map((time, at) => `('${at}', 'x', '${time}'::TIMESTAMP, NULL)`);
  return makeBytes(
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, timestamp TIMESTAMP, created_at TIMESTAMPTZ)',
    `INSERT INTO conversations_v2 VALUES ${rows.join(', ')}, ('z', 'x', '2020-01-01', '2026-07-01 12:00:00+00')`,
  );
}

/** The own times that an upload's rows got. */
async function timesOf(systemId: string, timeZone: string | null, zones: Record<string, string>) {
  const ref = { systemId, uploadId: '20261122_100000_x' };
  const files = { 'reflection.duckdb': await database() };
  await putOriginal(world.uploads, ref, files);
  if (timeZone !== null) {
    const manifest = oursManifest(ref, files);
    const [file] = manifest.files;
    const said = { ...manifest, time_zone: timeZone, files: [{ ...file, rows: {} }] };
    await world.uploads.delete([manifestKey(ref)]);
    await world.uploads.put(manifestKey(ref), JSON.stringify(said));
  }
  expect(await world.uploads.head(`${uploadPrefix(ref)}reflection.duckdb`)).toBeDefined();
  await registerUpload(world.context, ref);
  const context = { ...world.context, timeZones: new Map(Object.entries(zones)) };
  expect(await ingestUpload(context, ref)).toMatchObject({ status: 'ingested', rows: { new: 5 } });
  const { memories } = await world.store.listMemories(systemId, { limit: 10 });
  const found = await world.store.fetch(memories, ['hot', 'warm', 'cold']);
  const own = new Map(found.map(({ memoryId, ownTime }) => [memoryId, ownTime]));
  return ['0', '1', '2', '3', 'z'].map((id) => new Date(own.get(id) ?? Number.NaN).toISOString());
}

const iso = (times: readonly string[]): string[] =>
  [...times, '2026-07-01T12:00:00Z'].map((time) => new Date(time).toISOString());

it('a local time is of the zone that is set for its system, on either side of a change of clocks', async () => {
  expect(await timesOf('set', null, { set: 'Europe/Berlin' })).toEqual(iso(IN_BERLIN));
});

it('the zone that the manifest says wins', async () => {
  expect(await timesOf('says', 'Europe/Berlin', { says: 'Asia/Tokyo' })).toEqual(iso(IN_BERLIN));
});

it('with neither it is UTC', async () => {
  expect(await timesOf('neither', null, { other: 'Asia/Tokyo' })).toEqual(iso(IN_UTC));
});
