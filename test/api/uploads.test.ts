import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifestKey, type UploadRef } from '../../src/contract/index.js';
import {
  ingestUpload,
  listUploads,
  registerUpload,
  requestAgain,
  requireUpload,
} from '../../src/ingest/index.js';
import {
  openIngestWorld,
  originalId,
  putOriginal,
  sampleFiles,
  type IngestWorld,
} from '../ingest/support.js';
import { serve, type TestApi } from './support.js';

let world: IngestWorld;
const ingested: UploadRef = { systemId: 'laptop', uploadId: originalId() };
const broken: UploadRef = { systemId: 'laptop', uploadId: originalId() };
const waiting: UploadRef = { systemId: 'other', uploadId: originalId() };

beforeAll(async () => {
  world = await openIngestWorld();
  await putOriginal(world.uploads, ingested, await sampleFiles());
  await putOriginal(world.uploads, broken, { 'notes.duckdb': Buffer.from('no database') });
  await putOriginal(world.uploads, waiting, {});
  for (const ref of [ingested, broken, waiting]) await registerUpload(world.context, ref);
  for (const ref of [ingested, broken]) await ingestUpload(world.context, ref);
});
afterAll(() => world.close());

function serveLedger(): Promise<TestApi> {
  return serve({
    getUpload: (ref) => requireUpload(world.store, ref),
    listUploads: (page) => listUploads(world.store, page),
  });
}

async function getJson(path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await (await serveLedger()).get(path);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const pathOf = ({ systemId, uploadId }: UploadRef) => `/api/v1/systems/${systemId}/uploads/${uploadId}`;
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

describe('what became of an upload', () => {
  it('is its receipt, and its state and times', async () => {
    const { status, body } = await getJson(pathOf(ingested));
    const receipt = await world.receipt(ingested);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      system_id: 'laptop',
      upload_id: ingested.uploadId,
      state: 'done',
      order: receipt?.order,
      rows: receipt?.rows,
      files: receipt?.files,
      reader: receipt?.reader,
      excluded: {},
      mirrors: [],
      reason: null,
      attempts: 0,
      created_at: '2026-11-22T10:00:00.000Z',
      queued_at: time,
      ingested_at: receipt?.ingested_at,
      quarantined_at: null,
    });
    expect(receipt?.rows.new).toBeGreaterThan(0);
  });

  it('is the reason where it is in quarantine', async () => {
    const { body } = await getJson(pathOf(broken));
    expect(body).toMatchObject({
      state: 'quarantined',
      rows: null,
      reason: expect.stringContaining('notes.duckdb is not a DuckDB file'),
      ingested_at: null,
      quarantined_at: time,
    });
  });

  it.each([
    ['an upload', '/api/v1/systems/laptop/uploads/nothing', 'upload nothing of system laptop is not known'],
    ['a system', '/api/v1/systems/nobody/uploads', 'no upload of a system nobody is known'],
  ])('is an error for %s that nobody knows', async (_what, path, message) => {
    expect(await getJson(path)).toMatchObject({
      status: 404,
      body: { error: { code: 'UploadUnknown', message: expect.stringContaining(message) } },
    });
  });
});

describe('the list of uploads', () => {
  async function list(path: string): Promise<{ ids: string[]; next: string | null }> {
    const { status, body } = await getJson(path);
    expect(status).toBe(200);
    const { uploads, next } = body as { uploads: { upload_id: string }[]; next: string | null };
    return { ids: uploads.map((upload) => upload.upload_id), next };
  }

  it('gives a page at a time, newest first, each upload once', async () => {
    const seen: string[] = [];
    let next: string | null = null;
    do {
      const after: string = next === null ? '' : `&after=${encodeURIComponent(next)}`;
      const page = await list(`/api/v1/uploads?limit=1${after}`);
      seen.push(...page.ids);
      next = page.next;
    } while (next !== null);
    const times = (await world.store.listUploads({ limit: 10 })).uploads.map((u) => u.registeredAt);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    expect(seen.toSorted()).toEqual([ingested, broken, waiting].map((ref) => ref.uploadId).toSorted());
    expect(seen).toEqual((await list('/api/v1/uploads')).ids);
  });

  it('is of one system, or of one state', async () => {
    expect((await list('/api/v1/systems/other/uploads')).ids).toEqual([waiting.uploadId]);
    expect((await list('/api/v1/systems/laptop/uploads?state=done')).ids).toEqual([ingested.uploadId]);
    expect((await list('/api/v1/uploads?state=pending')).ids).toEqual([waiting.uploadId]);
    expect((await list('/api/v1/systems/other/uploads?state=done')).ids).toEqual([]);
  });

  it.each([
    ['state=lost', 'state must be one of pending, committed'],
    ['limit=501', 'limit must be a whole number from 1 to 500'],
    ['after=x', 'after must be the next of another page'],
    ['order=up', 'order is not known here'],
  ])('refuses %s', async (query, message) => {
    expect(await getJson(`/api/v1/uploads?${query}`)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(message) } },
    });
  });
});

describe('an upload to be ingested again', () => {
  it('is in the queue again, and says so until it is done; one that is in quarantine is refused', async () => {
    const api = await serve({
      ingestAgain: (ref) => requestAgain(world.context, ref),
      getUpload: (ref) => requireUpload(world.store, ref),
    });
    const asked = await api.post(`${pathOf(ingested)}/again`, {});
    expect(asked.status).toBe(202);
    expect(await asked.json()).toMatchObject({
      state: 'done',
      again: { requested_at: time, times: 0, first: null, failure: null },
    });
    const before = await world.receipt(ingested);
    await ingestUpload(world.context, ingested);
    expect(await (await api.get(pathOf(ingested))).json()).toMatchObject({
      rows: { new: 0, unchanged: before?.rows.new },
      again: {
        requested_at: null,
        times: 1,
        first: { ingested_at: before?.ingested_at, rows: before?.rows },
      },
    });
    const refused = await api.post(`${pathOf(broken)}/again`, {});
    expect(refused.status).toBe(409);
    await world.uploads.delete([manifestKey(ingested)]);
    expect((await api.post(`${pathOf(ingested)}/again`, {})).status).toBe(410);
  });
});
