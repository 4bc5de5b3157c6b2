import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Kind, Tier } from '../../src/contract/index.js';
import { pathOf, startCollector, type CollectedSpan, type Collector } from '../support/collector.js';
import { Program } from '../support/program.js';
import { query, SAMPLES } from '../support/databases.js';
import { loadedPackages } from '../support/loaded-packages.js';

interface Memory {
  kind: Kind;
  id: string;
  text: string;
  tier: Tier;
}

interface TiersAnswer {
  tiers: Record<Tier, { rows: number; bytes: number; kinds: Record<Kind, number> }>;
}

interface SearchAnswer {
  results: { kind: Kind; memory_id: string; tier: Tier; content: string; system_id: string }[];
  partial: unknown[];
}

interface SyncAnswer {
  method: string;
  success: boolean;
  upload_id: string;
  status: string;
  files_uploaded: string[];
  bytes_transferred: number;
  error: string | null;
  rows: Record<string, number>;
}

/** Searches at once: so many that neither core waits for the other's part of one. */
const AT_ONCE = 4;

/** What the sample databases hold, asked of DuckDB directly: nothing of the program is used here. */
async function readSample(): Promise<Memory[]> {
  const graph = `read_only_graph`;
  const tier = (time: string): string =>
    `CASE WHEN ${time} > TIMESTAMP '2026-11-15 12:00:00' THEN 'hot' WHEN ${time} > TIMESTAMP '2026-08-24 12:00:00' THEN 'warm' ELSE 'cold' END`;
  const rows = await query(`
    ATTACH '${SAMPLES}/reflection.duckdb' AS notes (READ_ONLY);
    ATTACH '${SAMPLES}/knowledge_graph.duckdb' AS ${graph} (READ_ONLY);
    SELECT 'conversation' AS kind, id, content AS text, ${tier('timestamp')} AS tier FROM notes.conversations_v2
    UNION ALL SELECT 'reflection', id, content, ${tier('created_at')} FROM notes.reflections_v2
    UNION ALL SELECT 'entity', id, concat_ws(' ', name, entity_type, nullif(array_to_string(observations, ' '), '')), ${tier('created_at')}
      FROM ${graph}.kg_entities
    UNION ALL SELECT 'relation', r.id, f.name || ' ' || r.relation_type || ' ' || t.name, ${tier('r.created_at')}
      FROM ${graph}.kg_relationships r JOIN ${graph}.kg_entities f ON f.id = r.from_entity
      JOIN ${graph}.kg_entities t ON t.id = r.to_entity`);
  return rows as unknown as Memory[];
}

describe.each(['file', 's3'] as const)('the whole chain over a %s object store', (kind) => {
  let program: Program;
  let collector: Collector;
  let first: SyncAnswer;
  const loaded = (): string => path.join(program.dataDir, 'loaded');

  beforeAll(async () => {
    collector = await startCollector();
    // One of the two has its spans recorded.
    const traced = { AKOSHA_TRACES_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: 'x-collector=ours' };
    program = await Program.create(kind === 's3' ? { ...s3Environment(), ...traced } : {});
    await mkdir(loaded());
    await program.up({
      NODE_OPTIONS: `--import ${pathToFileURL(path.resolve('test/support/loaded-modules.mjs')).href}`,
      TEST_LOADED_MODULES: loaded(),
    });
    first = await program.json<SyncAnswer>('sync', '--wait');
  }, 120_000);

  afterAll(async () => {
    await program.destroy();
    await collector.close();
  }, 60_000);

  it('takes the sample from the host into the store', () => {
    expect(first).toMatchObject({ method: 'cloud', success: true, status: 'ingested', error: null });
    expect(first.rows).toEqual({
      new: 447,
      changed: 0,
      unchanged: 0,
      refused: 0,
      superseded: 0,
      absent: 0,
      deleted: 0,
    });
    expect(first.files_uploaded.length).toBe(2);
    expect(first.bytes_transferred).toBeGreaterThan(100_000);
  });

  it('uploads nothing where nothing has changed, and says which upload has it', async () => {
    const again = await program.json<SyncAnswer>('sync', '--wait');
    expect(again).toMatchObject({ success: true, status: 'unchanged' });
    expect(again).toMatchObject({ upload_id: first.upload_id, files_uploaded: [], bytes_transferred: 0 });
    expect(again.rows).toEqual({
      new: 0,
      changed: 0,
      unchanged: 447,
      refused: 0,
      superseded: 0,
      absent: 0,
      deleted: 0,
    });
  });

  it('puts every row in exactly one tier, in the numbers of the sample', async () => {
    await program.json('tiers', 'run', '--wait');
    const { tiers } = await program.json<TiersAnswer>('tiers');
    const counts = Object.fromEntries(Object.entries(tiers).map(([tier, { kinds }]) => [tier, kinds]));
    expect(counts).toEqual({
      hot: { conversation: 5, reflection: 2, entity: 3, relation: 1 },
      warm: { conversation: 51, reflection: 16, entity: 11, relation: 11 },
      cold: { conversation: 152, reflection: 86, entity: 42, relation: 67 },
    });
  });

  // Once: where the objects lie makes no difference to a search, and each of the two takes a minute.
  if (kind === 'file') {
    it('finds each of the 447 rows by its own words, in the tier it belongs to and in no other', async () => {
      const { api_url: url } = await program.json<{ api_url: string }>('status');
      const sample = await readSample();
      expect(sample.length).toBe(447);
      const wrong: string[] = [];
      const look = async (memory: Memory): Promise<void> => {
        const response = await fetch(`${url}/api/v1/search`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query: memory.text, kind: memory.kind, limit: 50 }),
        });
        const { results, partial } = (await response.json()) as SearchAnswer;
        const hits = results.filter(
          (result) => result.memory_id === memory.id && result.kind === memory.kind,
        );
        if (
          partial.length > 0 ||
          hits.length !== 1 ||
          hits[0]?.tier !== memory.tier ||
          hits[0].content !== memory.text
        ) {
          wrong.push(
            `${memory.kind} ${memory.id} (${memory.tier}): ${JSON.stringify(hits.map(({ tier }) => tier))} ${JSON.stringify(partial)}`,
          );
        }
      };
      const next = sample.values();
      const lookAtNext = async (): Promise<void> => {
        for (const memory of next) await look(memory);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lookAtNext));
      expect(wrong).toEqual([]);
    }, 300_000);
  }

  it('searches one tier alone', async () => {
    for (const tier of ['hot', 'warm', 'cold'] as const) {
      const { results } = await program.json<SearchAnswer>(
        'search',
        'JWKS signing keys cache',
        '--tier',
        tier,
      );
      expect(results.length).toBeGreaterThan(0);
      expect(new Set(results.map((result) => result.tier))).toEqual(new Set([tier]));
    }
  });

  it('stops in order on SIGTERM, and finds the same after a start', async () => {
    expect(await program.signal('SIGTERM')).toBe(0);
    await program.up();
    const { tiers } = await program.json<TiersAnswer>('tiers');
    expect([tiers.hot.rows, tiers.warm.rows, tiers.cold.rows]).toEqual([11, 89, 347]);
  }, 120_000);

  // After a stop in order, by which the last spans are sent.
  if (kind === 'file') {
    it('records no spans, and loads nothing of what would, where nobody said where to', async () => {
      expect(await openTelemetryIn(loaded())).toEqual([]);
      expect(collector.bodies).toEqual([]);
    });
  } else {
    it('is one trace, from the request in the outbox to the receipt', async () => {
      expect(await openTelemetryIn(loaded())).toContain('sdk-trace-base');
      expectOneTrace(collector.spans(), first.upload_id);
      expect(new Set(collector.headers.map((headers) => headers['x-collector']))).toEqual(new Set(['ours']));
    });

    it('tells in its spans of no memory, no file of the host and no secret', async () => {
      const sent = collector.bodies.join('\n');
      const { AWS_SECRET_ACCESS_KEY: secret = '' } = s3Environment();
      const texts = (await readSample()).map(({ text }) => text);
      for (const text of [...texts, program.dataDir, 'reflection', '.duckdb', secret, 's3://', '?X-Amz']) {
        expect(sent).not.toContain(JSON.stringify(text).slice(1, -1));
      }
      expect(collector.spans().flatMap(({ events }) => events)).toEqual([]);
    });
  }
});

/** Which packages of OpenTelemetry were loaded, but its API: the client of Prometheus needs that, and it records nothing by itself. */
async function openTelemetryIn(folder: string): Promise<string[]> {
  const packages = [...(await loadedPackages(folder))];
  // What every program loads: nothing would be found where nobody looked.
  expect(packages).toEqual(expect.arrayContaining(['@temporalio/worker', 'fastify', '@duckdb/node-api']));
  return packages
    .flatMap((name) => /^(?:@opentelemetry\/|@temporalio\/(?=interceptors))(.+)/.exec(name)?.[1] ?? [])
    .filter((name) => name !== 'api');
}

const REQUEST = ['akosha.sync', 'SignalWithStartWorkflow:uploadMemory', 'RunWorkflow:uploadMemory'];
const step = (activity: string): string[] => [`StartActivity:${activity}`, `RunActivity:${activity}`];
const FOUND = [...REQUEST, ...step('handOver')];
const INGEST = [
  ...FOUND,
  'SignalWithStartWorkflow:ingestSystem',
  'RunWorkflow:ingestSystem',
  ...step('ingestUpload'),
  'akosha.ingest',
];

/** Of an upload, each span from its root down. */
const CHAIN = [
  [...REQUEST, ...step('takeSnapshot'), 'akosha.snapshot'],
  [...REQUEST, ...step('deliverUpload'), 'akosha.deliver', 'akosha.deliver.file'],
  [...REQUEST, ...step('deliverUpload'), 'akosha.deliver', 'akosha.deliver.manifest'],
  [...FOUND, 'akosha.discover'],
  [...INGEST, 'akosha.ingest.download'],
  [...INGEST, 'akosha.ingest.read'],
  [...INGEST, 'akosha.ingest.open'],
  [...INGEST, 'akosha.ingest.insert'],
  [...INGEST, 'akosha.ingest.journal'],
  [...INGEST, 'akosha.ingest.commit'],
  [...INGEST, 'akosha.ingest.receipt'],
];

function expectOneTrace(spans: readonly CollectedSpan[], uploadId: string): void {
  const ofUpload = spans.filter(({ attributes }) => attributes['akosha.upload_id'] === uploadId);
  const [traceId, ...others] = new Set(ofUpload.map((span) => span.traceId));
  // The second sync found that nothing had changed, and says so with the upload that has it.
  expect(others.length).toBeLessThanOrEqual(1);
  const trace = spans.filter((span) => span.traceId === traceId);
  for (const names of CHAIN) expect(trace.map((span) => pathOf(span, trace))).toContainEqual(names);
  expect(trace.filter(({ parentSpanId }) => parentSpanId === undefined)).toHaveLength(1);
  for (const { name, attributes, status, startedAt, endedAt } of trace) {
    expect(attributes, name).toMatchObject({ 'akosha.system_id': 'laptop-1' });
    if (
      name.startsWith('RunWorkflow:') ||
      name.startsWith('RunActivity:') ||
      name.startsWith('akosha.ingest')
    )
      expect(attributes, name).toMatchObject({
        temporalWorkflowId: expect.stringMatching(/^(upload|ingest)\/laptop-1$/),
      });
    expect(status.message, name).toBeUndefined();
    expect(endedAt, name).toBeGreaterThanOrEqual(startedAt);
  }
  const ingest = trace.find(({ name }) => name === 'akosha.ingest');
  expect(ingest?.attributes).toMatchObject({ 'akosha.outcome': 'ingested', 'akosha.rows': 447 });
  expect(ingest?.resource).toMatchObject({ 'service.name': 'akosha' });
}

function s3Environment(): Record<string, string> {
  const s3 = inject('s3');
  return {
    AKOSHA_OBJECT_STORE: `s3://${s3.bucket}/chain-${process.pid}?endpoint=${encodeURIComponent(s3.endpoint)}&region=${s3.region}`,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
}
