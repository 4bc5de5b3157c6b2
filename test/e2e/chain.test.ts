import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Kind, Tier } from '../../src/contract/index.js';
import { Program } from '../support/program.js';
import { query, SAMPLES } from '../support/databases.js';

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
  let first: SyncAnswer;

  beforeAll(async () => {
    program = await Program.create(kind === 's3' ? s3Environment() : {});
    await program.up();
    first = await program.json<SyncAnswer>('sync', '--wait');
  }, 120_000);

  afterAll(async () => {
    await program.destroy();
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
      for (const memory of sample) {
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
      }
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
});

function s3Environment(): Record<string, string> {
  const s3 = inject('s3');
  return {
    AKOSHA_OBJECT_STORE: `s3://${s3.bucket}/chain-${process.pid}?endpoint=${encodeURIComponent(s3.endpoint)}&region=${s3.region}`,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
}
