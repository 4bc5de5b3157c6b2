import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { TRACE_HEADER } from '@temporalio/interceptors-opentelemetry/lib/instrumentation.js';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import { recordOutageSpans } from '../../src/bootstrap/trace-record.js';
import { manifestKey, NO_OUTAGE_WORK, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, pollInbox, UploadTraces, type IngestContext } from '../../src/ingest/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { currentTraceparent, recordPastSpan, withSpan } from '../../src/runtime/index.js';
import { startTraces, type Traces } from '../../src/telemetry/index.js';
import { flushDirectly, writeRequest } from '../../src/upload/index.js';
import { openIngestWorld, type IngestWorld } from '../ingest/support.js';
import { pathOf, startCollector, type CollectedSpan, type Collector } from '../support/collector.js';
import { eventually } from '../support/eventually.js';
import { Program } from '../support/program.js';
import { httpHost, openServer } from '../upload/methods/support.js';
import { jsonOf, makeSmallHost, withUploads } from '../upload/support.js';

const TEXT = 'what a memory says';

let collector: Collector;
let traces: Traces;
let world: IngestWorld;
let context: IngestContext;
/** Of the first test. */
let upload: UploadRef = { systemId: '', uploadId: '' };
const warnings: Record<string, unknown>[] = [];
const log = { warn: (details: Record<string, unknown>) => void warnings.push(details) };

beforeAll(async () => {
  collector = await startCollector();
  world = await openIngestWorld();
  context = { ...world.context, traces: new UploadTraces() };
  // The SDK's own variable: by default spans wait five seconds for company.
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '50';
  const started = await startTraces({
    ...{ endpoint: collector.url, sampleRatio: 1, service: 'test', version: '1' },
    log,
  });
  if (started === undefined) throw new Error('no spans are recorded');
  traces = started;
});
afterAll(async () => {
  await traces.stop();
  await world.close();
  await collector.close();
});

async function spansOf({ uploadId }: UploadRef, last: string): Promise<CollectedSpan[]> {
  return eventually(() => {
    const all = collector.spans();
    const ofUpload = all.filter(({ attributes }) => attributes['akosha.upload_id'] === uploadId);
    expect(ofUpload.map(({ name }) => name)).toContain(last);
    const ids = new Set(ofUpload.map(({ traceId }) => traceId));
    return Promise.resolve(all.filter(({ traceId }) => ids.has(traceId)));
  }, 10_000);
}

it('go from the host to the server by the manifest, without an orchestrator', async () => {
  const own = await makeSmallHost();
  // Its folder goes with the test, and the next one is about the same upload.
  const host = { ...own, ...withUploads(own, world.uploads) };
  writeRequest(host.dataDir, { trigger: 'sync' });
  await flushDirectly(host, {});
  const { added } = await pollInbox(context);
  const [ref = upload] = added;
  upload = ref;
  await ingestUpload(context, ref);

  const spans = await spansOf(ref, 'akosha.ingest.receipt');
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const paths = spans.map((span) => pathOf(span, spans));
  const snapshot = ['akosha.sync', 'akosha.snapshot'];
  expect(paths).toContainEqual([...snapshot, 'akosha.discover']);
  expect(paths).toContainEqual([...snapshot, 'akosha.ingest', 'akosha.ingest.commit']);
  expect(paths).toContainEqual([...snapshot, 'akosha.ingest', 'akosha.ingest.receipt']);
  expect(paths).toContainEqual(['akosha.sync', 'akosha.deliver', 'akosha.deliver.manifest']);

  const snapshotSpan = spans.find(({ name }) => name === 'akosha.snapshot');
  const { traceparent } = await jsonOf(world.uploads, manifestKey(ref));
  expect(traceparent).toBe(`00-${snapshotSpan?.traceId}-${snapshotSpan?.spanId}-01`);
});

it('go from a sync that uploads from its own process, without an agent, to the server', async () => {
  const program = await Program.create({
    AKOSHA_OBJECT_STORE: world.uploads.url,
    AKOSHA_TRACES_ENDPOINT: collector.url,
  });
  onTestFinished(() => program.destroy());
  const { upload_id: uploadId } = await program.json<{ upload_id: string }>('sync', '--direct');
  await pollInbox(context);
  const ref = { systemId: 'laptop-1', uploadId };
  await ingestUpload(context, ref);
  const spans = await spansOf(ref, 'akosha.ingest.receipt');
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const paths = spans.map((span) => pathOf(span, spans));
  expect(paths).toContainEqual(['akosha.sync', 'akosha.deliver', 'akosha.deliver.manifest']);
  expect(paths).toContainEqual(['akosha.sync', 'akosha.snapshot', 'akosha.ingest', 'akosha.ingest.commit']);
  const services = spans.map(({ name, resource }) => `${resource['service.name']} ${name}`);
  expect(services).toEqual(expect.arrayContaining(['akosha-agent akosha.sync', 'test akosha.ingest']));
});

it('go from a host without a bucket to the server that takes its memories over HTTP', async () => {
  const server = await openServer();
  const host = await httpHost(server.api.url, { a: TEXT });
  writeRequest(host.dataDir, { trigger: 'sync' });
  await flushDirectly(host, {});
  await pollInbox(server.context);
  const ref = await server.store.nextUpload('host-1');
  if (ref === undefined) throw new Error('nothing came');
  await ingestUpload(server.context, ref);
  const spans = await spansOf(ref, 'akosha.ingest.receipt');
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const paths = spans.map((span) => pathOf(span, spans));
  const accepted = ['akosha.sync', 'akosha.deliver', 'akosha.accept'];
  expect(paths).toContainEqual([...accepted, 'akosha.discover']);
  expect(paths).toContainEqual([...accepted, 'akosha.ingest', 'akosha.ingest.commit']);
  expect(spans.find(({ name }) => name === 'akosha.accept')?.attributes).toMatchObject({ 'akosha.rows': 1 });
  expect(collector.bodies.join('')).not.toContain(TEXT);
});

it('stay those of the upload in a server that was restarted, and within a span of another trace', async () => {
  let other: string | undefined;
  // What is through is looked at once more, and nothing is done.
  await withSpan('akosha.sync', {}, async () => {
    other = currentTraceparent();
    await ingestUpload({ ...context, traces: new UploadTraces() }, upload);
  });
  const again = await eventually(async () => {
    const spans = await spansOf(upload, 'akosha.ingest.receipt');
    const ingests = spans.filter(({ name }) => name === 'akosha.ingest');
    expect(ingests).toHaveLength(2);
    return { last: ingests.at(-1), snapshot: spans.find(({ name }) => name === 'akosha.snapshot') };
  }, 10_000);
  const { last, snapshot } = again;
  expect(last).toMatchObject({ traceId: snapshot?.traceId, parentSpanId: snapshot?.spanId });
  expect(last?.links.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`)).toEqual([other]);
});

it('of an upload that is ingested already, or has none, are no later ingest’s', () => {
  const traces = new UploadTraces();
  const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
  const of = (uploadId: string) => ({ systemId: 'host', uploadId });
  traces.remember(of('first'), traceparent);
  traces.remember(of('second'), traceparent);
  expect(traces.take(of('first'))).toBe(traceparent);
  expect(traces.takeOfSystem('host')).toBe(traceparent);
  expect(traces.takeOfSystem('host')).toBeUndefined();
  traces.remember(of('third'), traceparent);
  expect(traces.take(of('third'))).toBe(traceparent);
  expect(traces.takeOfSystem('host')).toBeUndefined();
  traces.remember(of('fourth'), traceparent);
  traces.remember(of('fifth'), null);
  expect(traces.takeOfSystem('host')).toBeUndefined();
});

it('say of an error its type alone', async () => {
  const uploadId = 'fails';
  const failing = withSpan('akosha.ingest.read', { fields: { uploadId } }, () =>
    Promise.reject(new RangeError(TEXT)),
  );
  await expect(failing).rejects.toThrow(TEXT);
  const [span] = await spansOf({ systemId: '', uploadId }, 'akosha.ingest.read');
  expect(span).toMatchObject({
    status: { code: 2 },
    events: [],
    attributes: { 'akosha.upload_id': uploadId, 'error.type': 'RangeError' },
  });
  expect(span?.status.message).toBeUndefined();
  expect(collector.bodies.join('')).not.toContain(TEXT);
});

it('take from whatever stands in a manifest only what is W3C’s', async () => {
  const origin = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
  const times = { startedAt: Date.now() - 1000, endedAt: Date.now() };
  const of = (uploadId: string, continues: string): void =>
    recordPastSpan('akosha.discover', { ...times, continues, fields: { uploadId } });
  of('genuine', `00-${origin.traceId}-${origin.spanId}-01`);
  of('garbled', `00-${origin.traceId}-${origin.spanId}-01; DROP`);
  const [genuine] = await spansOf({ systemId: '', uploadId: 'genuine' }, 'akosha.discover');
  expect(genuine).toMatchObject({ traceId: origin.traceId, parentSpanId: origin.spanId });
  const [garbled] = await spansOf({ systemId: '', uploadId: 'garbled' }, 'akosha.discover');
  expect(garbled?.parentSpanId).toBeUndefined();
  // Not sampled where the trace began, so not here.
  of('unwanted', `00-${origin.traceId}-${origin.spanId}-00`);
  of('after', `00-${origin.traceId}-${origin.spanId}-01`);
  await spansOf({ systemId: '', uploadId: 'after' }, 'akosha.discover');
  expect(collector.bodies.join('')).not.toContain('unwanted');
});

it('name each part of a file that goes out in parts', async () => {
  const s3 = inject('s3');
  const folder = await mkdtemp(path.join(tmpdir(), 'akosha-parts-'));
  const file = path.join(folder, 'file');
  await writeFile(file, randomBytes(6 * 2 ** 20));
  process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
  const store = await openObjectStore(
    `s3://${s3.bucket}/spans-${process.pid}?endpoint=${encodeURIComponent(s3.endpoint)}&region=${s3.region}`,
    { partSizeMb: 5 },
  );
  const uploadId = 'in-parts';
  await withSpan('akosha.deliver.file', { fields: { uploadId } }, () =>
    store.putFile('file', file, { resume: {} }),
  );
  await store.close();
  await rm(folder, { recursive: true });
  const spans = await spansOf({ systemId: '', uploadId }, 'akosha.deliver.file');
  const parts = spans.filter(({ name }) => name === 'akosha.object.part');
  const told = parts.map(({ attributes }) => [attributes['akosha.part'], attributes['akosha.bytes']]);
  expect(told.sort()).toEqual([
    [1, 5 * 2 ** 20],
    [2, 2 ** 20],
  ]);
});

// The last one, after which none are recorded.
it('have an activity’s span where its run belongs to a trace, and none of its own elsewhere', async () => {
  const { activity } = await traces.temporal();
  const { context: running } = new MockActivityEnvironment({ activityType: 'nextUpload' });
  const { inbound } = activity(running);
  const around = (): Promise<string | undefined> => Promise.resolve(currentTraceparent());
  const run = (headers: Headers): unknown => inbound?.execute?.({ args: [], headers }, around);
  expect(await run({})).toBeUndefined();
  const traceId = randomBytes(16).toString('hex');
  const carrier = { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` };
  expect(await run({ [TRACE_HEADER]: defaultPayloadConverter.toPayload(carrier) })).toContain(traceId);
});

it('tell of an outage that is over, with the times of its steps', async () => {
  const start = '2026-11-22T12:00:00.000Z';
  recordOutageSpans({
    ...{
      start,
      detected: '2026-11-22T12:00:10.000Z',
      end: '2026-11-22T12:05:00.000Z',
      omitted: 0,
      samples: [],
    },
    totals: { ...NO_OUTAGE_WORK, ingested: 1, newRows: 3, changedRows: 1 },
    steps: [{ at: '2026-11-22T12:01:00.500Z', ms: 400, what: 'ingest', text: `upload 7 of laptop: ${TEXT}` }],
  });
  const [outage, step] = await eventually(() => {
    const found = ['akosha.outage', 'akosha.outage.step'].map((name) =>
      collector.spans().find((span) => span.name === name),
    );
    expect(found).not.toContain(undefined);
    return Promise.resolve(found);
  }, 10_000);
  expect(outage?.attributes).toEqual({ 'akosha.rows': 4 });
  expect(step?.attributes).toEqual({ 'akosha.outcome': 'ingest' });
  expect(step).toMatchObject({ traceId: outage?.traceId, parentSpanId: outage?.spanId });
  expect(outage?.startedAt).toBe(Date.parse(start));
  expect(step?.startedAt).toBe(Date.parse('2026-11-22T12:01:00.100Z'));
});

it('hold up no end of the process where the collector hangs, and are told of once', async () => {
  expect(warnings).toEqual([]);
  collector.script.push(0, 0, 0);
  await withSpan('akosha.sync', {}, () => Promise.resolve());
  const begun = performance.now();
  await traces.stop();
  expect(performance.now() - begun).toBeLessThan(4_000);
  expect(warnings).toEqual([expect.objectContaining({ spans: 1 })]);
  expect(currentTraceparent()).toBeUndefined();
});
