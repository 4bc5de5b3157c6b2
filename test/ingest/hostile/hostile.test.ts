import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isAkoshaError, type IngestSummary, type UploadRef } from '../../../src/contract/index.js';
import { BatchAcceptor, ingestUpload, pollInbox, walkUploads } from '../../../src/ingest/index.js';
import { serve, type TestApi } from '../../api/support.js';
import { makeDatabase, query } from '../../support/databases.js';
import { openIngestWorld, putOriginal, type IngestWorld } from '../support.js';
import { HTTP, OBJECT_NAMES, UPLOADS } from './catalogue.js';
import { SECRET, type Canary, type HostileRequest, type HostileUpload } from './input.js';
import { makeSound, packed } from './make.js';
import { TOKEN } from './requests.js';

/** Of decompressed files: small, so that bombs can be. */
const MAX_UPLOAD_BYTES = 64 * 1024 ** 2;

/** What the server's process may grow by over all of it: its caches, and the store's memory limit, which is 256 MiB here. */
const MAX_GROWTH_BYTES = 500 * 1024 ** 2;

/** An upload that is tried more often than this is tried for ever. */
const MAX_TRIES = 6;

let world: IngestWorld;
let canary: Canary;
let api: TestApi;
let residentBefore: number;

const CANARY_FILES = ['canary.csv', 'canary.duckdb', 'canary.txt'];

beforeAll(async () => {
  world = await openIngestWorld({ size: 2, maxUploadBytes: MAX_UPLOAD_BYTES });
  const folder = await mkdtemp(path.join(tmpdir(), 'akosha-canary-'));
  const at = (name: string): string => path.join(folder, name);
  canary = { folder, text: at('canary.txt'), csv: at('canary.csv'), database: at('canary.duckdb') };
  await writeFile(canary.text, SECRET);
  await writeFile(canary.csv, `secret\n${SECRET}\n`);
  await makeDatabase(
    canary.database,
    `CREATE TABLE conversations_v2 AS SELECT '1' AS id, '${SECRET}' AS content`,
  );
  process.env['AKOSHA_CANARY'] = SECRET;
  await putAll();
  residentBefore = process.memoryUsage.rss();
}, 240_000);

afterAll(async () => {
  await world.close();
  await rm(canary.folder, { recursive: true, force: true });
  delete process.env['AKOSHA_CANARY'];
});

/**
 * A reader process is replaced after each file that it could not read, so all of them take a minute and a half of two cores. Every run takes
 * a quarter of the files; with AKOSHA_TEST_HOSTILE=all a run takes all.
 */
const EVERY = process.env['AKOSHA_TEST_HOSTILE'] === 'all' ? 1 : 4;

/** A manifest needs no reader. */
const ALL = Object.entries(UPLOADS).flatMap(([kind, uploads]) =>
  kind === 'Manifests' ? uploads : uploads.filter((_upload, i) => i % EVERY === 0),
);

/** Hostile uploads of one system, before its sound one. */
const IN_A_SYSTEM = 8;

/** At work at once: what is made, and systems that are ingested. */
const LANES = 4;

const systemOf = (at: number): string => `hostile-${Math.floor(at / IN_A_SYSTEM)}`;
const SYSTEMS = [...new Set(ALL.map((_, at) => systemOf(at)))];

function placeOf({ uploadId }: HostileUpload, at: number): UploadRef {
  return { systemId: systemOf(at), uploadId: uploadId ?? `20261122_1000${10 + (at % IN_A_SYSTEM)}_hostile` };
}

const soundOf = (systemId: string): UploadRef => ({ systemId, uploadId: '20261122_110000_sound' });

async function inLanes<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function putAll(): Promise<void> {
  await inLanes(ALL.entries(), async ([at, upload]) => {
    const objects = await upload.make(placeOf(upload, at), canary);
    for (const [key, bytes] of Object.entries(objects)) await world.uploads.put(key, bytes);
  });
  const files = { 'knowledge_graph.duckdb': packed(await makeSound()) };
  await inLanes(SYSTEMS, (systemId) => putOriginal(world.uploads, soundOf(systemId), files));
}

/** What uploads got, by system and id. */
const outcomes = new Map<string, IngestSummary | Error>();
const nameOf = ({ systemId, uploadId }: UploadRef): string => `${systemId}/${uploadId}`;

/** As the workflow of a system does: while there is a next upload, it is ingested, and tried again after an error that may pass. */
async function drain(systemId: string): Promise<void> {
  const tries = new Map<string, number>();
  for (;;) {
    const next = await world.store.nextUpload(systemId);
    if (next === undefined) return;
    const name = nameOf(next);
    const tried = (tries.get(name) ?? 0) + 1;
    tries.set(name, tried);
    try {
      outcomes.set(name, await ingestUpload(world.context, next));
    } catch (error) {
      if (isAkoshaError(error, 'ReaderFailed') && tried < MAX_TRIES) continue;
      outcomes.set(name, error instanceof Error ? error : new Error(String(error)));
      // It would be tried for ever, and hold up the others.
      await world.store.quarantine(next, 'given up by the test');
    }
  }
}

/** What is wrong with what an upload got; undefined where nothing is. */
function faultOf({ name, gets }: HostileUpload, got: IngestSummary | Error | undefined): string | undefined {
  if (got === undefined || got instanceof Error) return `${name}: ${String(got)}`;
  const { status, reason, rows } = got;
  const told = `${name}: ${status}, ${reason ?? JSON.stringify(rows)}`;
  if ('quarantined' in gets) {
    return status === 'quarantined' && reason?.includes(gets.quarantined) === true ? undefined : told;
  }
  // Of what stood in another upload of the system, too.
  const taken = rows.new + rows.changed + rows.unchanged + rows.superseded;
  const asTold = status === 'ingested' && taken === gets.rows && rows.refused === (gets.refused ?? 0);
  return asTold ? undefined : told;
}

it(`${ALL.length} hostile uploads each get what the catalogue says, and the next upload of each system goes in`, async () => {
  const found = await walkUploads(world.context, () => undefined);
  expect(found).toMatchObject({ failed: [], skipped: 0 });
  expect(found.added).toHaveLength(ALL.length + SYSTEMS.length);
  await inLanes(SYSTEMS, drain);
  const faults = ALL.map((upload, at) => faultOf(upload, outcomes.get(nameOf(placeOf(upload, at)))));
  expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
  for (const systemId of SYSTEMS)
    expect(outcomes.get(nameOf(soundOf(systemId)))).toMatchObject({
      status: 'ingested',
      rows: { refused: 0 },
    });
  // The store's own, and nothing that an ingest or a reader left.
  expect(await readdir(world.context.scratch)).toEqual(['duckdb']);
}, 240_000);

it('names of objects that are no upload’s are passed over, and those of systems escaped', async () => {
  const own = await openIngestWorld();
  try {
    for (const key of OBJECT_NAMES.flatMap(({ keys }) => keys)) await own.uploads.put(key, '{}');
    const polled = await pollInbox(own.context);
    const walked = await walkUploads(own.context, () => undefined);
    const skipped = OBJECT_NAMES.reduce((sum, { gets }) => sum + ('skipped' in gets ? gets.skipped : 0), 0);
    expect({
      failed: [...polled.failed, ...walked.failed],
      skipped: polled.skipped + walked.skipped,
    }).toEqual({
      failed: [],
      skipped,
    });
    const faults: string[] = [];
    for (const { name, gets } of OBJECT_NAMES) {
      if (!('system' in gets)) continue;
      const ids = walked.systems.filter((id) => gets.system.test(id));
      if (ids.length !== 1) faults.push(`${name}: ${ids.join(' ')} of ${walked.systems.join(' ')}`);
    }
    expect(faults).toEqual([]);
    for (const ref of walked.added) {
      expect(await ingestUpload(own.context, ref)).toMatchObject({ status: 'quarantined' });
    }
    expect(walked.added).toHaveLength(OBJECT_NAMES.filter(({ gets }) => 'system' in gets).length);
  } finally {
    await own.close();
  }
}, 60_000);

/** Status and body of the first answer. */
function exchange({ send }: HostileRequest): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect(api.port, '127.0.0.1');
    let answer = '';
    socket.setTimeout(20_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    // A server that has heard enough may hang up while the rest is on its way.
    socket.on('error', (error) => (answer === '' ? reject(error) : undefined));
    socket.on('close', () =>
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0), body: answer }),
    );
    for (const part of send()) socket.write(part);
    // Half-closed, so that a server that has nothing to say hangs up too.
    socket.on('data', () => socket.end());
  });
}

it(`${HTTP.length} hostile requests are answered as the catalogue says`, async () => {
  const stored: UploadRef[] = [];
  const acceptor = new BatchAcceptor(world.context, {
    version: '1',
    now: () => Date.parse('2026-11-22T12:00:00Z'),
    onStored: (ref) => void stored.push(ref),
  });
  api = await serve({ acceptRows: (source, rows) => acceptor.accept(source, rows) }, { apiToken: TOKEN });
  const faults: string[] = [];
  for (const request of HTTP) {
    const { status, body } = await exchange(request).catch((error: unknown) => ({
      status: 0,
      body: String(error),
    }));
    const { gets } = request;
    if (status !== gets.status || !body.includes(gets.says ?? ''))
      faults.push(`${request.name}: ${body.slice(0, 1200)}`);
    expect((await api.get('/health')).status).toBe(200);
  }
  expect(faults).toEqual([]);
  await pollInbox(world.context);
  for (const ref of stored)
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'ingested' });
}, 60_000);

it('nothing outside was read or written, and the server is as it was', async () => {
  expect((await readdir(canary.folder)).sort()).toEqual(CANARY_FILES);
  expect(await readFile(canary.text, 'utf8')).toBe(SECRET);
  const journals = path.join(world.folder, 'archive/journal/*/*.parquet');
  const [told] = await query(
    `SELECT count(*) AS n FROM read_parquet('${journals}', union_by_name = true)
     WHERE contains(concat_ws(' ', memory_id, content, project, fields, tags::VARCHAR), '${SECRET}')`,
  );
  expect(told).toEqual({ n: '0' });
  expect(world.store.failure()).toBeUndefined();
  expect(await world.store.unfinishedSystems(10)).toEqual([]);
  expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  const grown = process.memoryUsage.rss() - residentBefore;
  expect(grown).toBeLessThan(MAX_GROWTH_BYTES);
});
