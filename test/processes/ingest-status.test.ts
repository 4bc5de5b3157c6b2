import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_ROWS, type UploadRef } from '../../src/contract/index.js';
import { ingestInTurn } from '../../src/activities/ingest-turn.js';
import { ingestUpload, pollInbox, walkUploads, type IngestContext } from '../../src/ingest/index.js';
import { countWork, ingestEvents, setBacklog } from '../../src/processes/activity-metrics.js';
import { ingestStatus } from '../../src/processes/ingest-status.js';
import { createMetrics, renderMetrics } from '../../src/telemetry/index.js';
import { openIngestWorld, originalId, putOriginal, type IngestWorld } from '../ingest/support.js';

let world: IngestWorld;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

const broken = { 'notes.duckdb': Buffer.from('no database') };

/** Walks, and ingests and counts what was found as the server's activity does. */
async function ingestAll(context: IngestContext, metrics = createMetrics()): Promise<UploadRef[]> {
  const { added } = await walkUploads(context, () => undefined);
  const counts = countWork(metrics);
  const nextUpload = (): Promise<null> => Promise.resolve(null);
  const tools = { signal: new AbortController().signal, report: () => undefined };
  const deps = { ingest: context, nextUpload, onIngested: counts.ingested, stopping: tools.signal };
  for (const ref of added) await ingestInTurn(deps, ref, tools);
  return added;
}

describe('what a server tells of its ingest', () => {
  it('is nothing at first', async () => {
    expect(await ingestStatus(world.store)).toEqual({
      backlog: { uploads: 0, oldest_age_seconds: null },
      systems_behind: [],
      quarantined: [],
      renamed_systems: [],
    });
  });

  it('is what waits for a person, and the names of systems that are not their ids', async () => {
    for (const systemId of ['laptop', 'laptop.local']) {
      await putOriginal(world.uploads, { systemId, uploadId: originalId() }, broken);
      await ingestAll(world.context);
    }
    const entry = {
      upload_id: expect.stringMatching(/^20261122_/),
      reason: expect.stringContaining('notes.duckdb is not a DuckDB file'),
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    };
    const status = await ingestStatus(world.store);
    expect(status).toEqual({
      backlog: { uploads: 0, oldest_age_seconds: null },
      systems_behind: [],
      quarantined: expect.arrayContaining([
        { system_id: 'x--laptop_2Elocal', label: 'laptop.local', ...entry },
        { system_id: 'laptop', ...entry },
      ]),
      renamed_systems: [{ system_id: 'x--laptop_2Elocal', label: 'laptop.local' }],
    });
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  });
});

describe('how far ingest is behind', () => {
  it('is told of all, and of the systems that wait longest, first', async () => {
    const found = { order: 1, previousOrder: null, manifestSha256: '', createdAt: Date.parse('1999-01-01') };
    await world.store.registerUploads([
      { systemId: 'slow', uploadId: 'a', ...found },
      { systemId: 'slow', uploadId: 'b', ...found, order: 2 },
    ]);
    await setTimeout(5);
    await world.store.registerUploads([{ systemId: 'a-late-one', uploadId: 'a', ...found }]);
    const age = expect.toSatisfy((seconds: number) => seconds < 60);
    expect(await ingestStatus(world.store)).toMatchObject({
      // By the server's clock: the host's says 1999.
      backlog: { uploads: 3, oldest_age_seconds: age },
      systems_behind: [
        { system_id: 'slow', pending: 2, oldest_age_seconds: age },
        { system_id: 'a-late-one', pending: 1, oldest_age_seconds: age },
      ],
    });
    // However many wait longer.
    expect(await ingestStatus(world.store, 'a-late-one')).toMatchObject({
      system: { system_id: 'a-late-one', pending: 1, oldest_age_seconds: age },
    });
    expect(await ingestStatus(world.store, 'nobody')).toMatchObject({
      system: { system_id: 'nobody', pending: 0, oldest_age_seconds: null },
    });
    const metrics = createMetrics();
    const backlog = await world.store.backlog();
    setBacklog(metrics, backlog, (backlog.oldest ?? 0) + 90_500);
    const { body } = await renderMetrics(metrics);
    expect(body).toContain('akosha_ingestion_backlog_count 3\n');
    expect(body).toContain('akosha_ingestion_oldest_upload_age_seconds 90\n');
    expect(body).toContain('akosha_quarantine_uploads 2\n');
    setBacklog(metrics, { uploads: 0, oldest: null, quarantined: 0 }, Date.now());
    expect((await renderMetrics(metrics)).body).toContain('akosha_ingestion_oldest_upload_age_seconds 0\n');
  });
});

describe('the metrics of ingest', () => {
  it('count an upload that could not be ingested again apart from those that were', async () => {
    const metrics = createMetrics();
    countWork(metrics).ingested({ status: 'kept', rows: NO_ROWS, reason: 'no gzip' }, 1);
    const { body } = await renderMetrics(metrics);
    expect(body).toContain('akosha_ingested_uploads_total{status="kept"} 1\n');
    expect(body).not.toContain('status="ingested"');
  });

  it('leave out an upload that others had ended', async () => {
    const metrics = createMetrics();
    countWork(metrics).ingested({ status: 'already', rows: NO_ROWS, reason: null }, 1);
    const { body } = await renderMetrics(metrics);
    expect(body).not.toContain('status="already"');
    expect(body).toContain('akosha_ingest_duration_seconds_count 0\n');
  });

  it('count each quarantine once, a bad manifest like a bad file, and names that are skipped', async () => {
    const metrics = createMetrics();
    const context = { ...world.context, events: ingestEvents(metrics) };
    const bad = { systemId: 'counted', uploadId: originalId() };
    await putOriginal(world.uploads, bad, broken);
    await world.uploads.put('systems/counted/uploads/20261122_120000_x/manifest.json', '{"files": 7}');
    await world.uploads.put('inbox/stray', '');
    const refs = await ingestAll(context, metrics);
    expect(refs).toHaveLength(2);
    // Told again, as an attempt whose answer was lost.
    expect(await ingestUpload(context, bad)).toMatchObject({ status: 'already', rows: NO_ROWS });
    await pollInbox(context);
    const { body } = await renderMetrics(metrics);
    expect(body).toContain('akosha_ingested_uploads_total{status="quarantined"} 2\n');
    expect(body).not.toContain('status="ingested"');
    expect(body).toContain('akosha_skipped_names_count{prefix="inbox/"} 1\n');
    expect(body).toContain('akosha_skipped_names_count{prefix="systems/"} 0\n');
  });
});
