import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { contentHash } from '../../src/memory/index.js';
import { findRunning } from '../../src/runtime/index.js';
import { serve } from '../api/support.js';
import { query, SAMPLES } from '../support/databases.js';
import { Program } from '../support/program.js';

const Memories = z.object({
  memories: z.array(
    z.looseObject({ kind: z.string(), memory_id: z.string(), tier: z.string(), hash: z.string() }),
  ),
  next: z.string().nullable(),
});

const TABLES = {
  'reflection.duckdb': ['conversations_v2', 'reflections_v2'],
  'knowledge_graph.duckdb': ['kg_entities', 'kg_relationships'],
} as const;

/** Made anew by Session-Buddy or by search, and no part of a memory's content. */
const NOT_KEPT = new Set(['embedding', 'fingerprint', 'searchable_content']);

describe('akosha restore', () => {
  // Not UTC: what a host wrote on its own clock is to come back as that.
  let program: Program;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'akosha-restore-'));
    program = await Program.create({ AKOSHA_TIME_ZONE: 'America/New_York' });
    await program.up();
    await program.sync();
    await program.age();
  }, 180_000);
  afterAll(async () => {
    await program.destroy();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  it('gives back every memory of all tiers, column by column, in local time', async () => {
    const to = path.join(folder, 'all');
    const answer = await program.json<Record<string, unknown>>('restore', '--system', 'laptop-1', '--to', to);
    expect(answer).toMatchObject({
      success: true,
      restored: 447,
      mismatched: 0,
      mismatches: [],
      kinds: { conversation: 208, reflection: 104, entity: 56, relation: 79 },
    });
    const { tiers } = z
      .object({ tiers: z.object({ hot: z.number(), warm: z.number(), cold: z.number() }) })
      .parse(answer);
    expect(Math.min(tiers.hot, tiers.warm, tiers.cold)).toBeGreaterThan(0);
    expect((await readdir(to)).sort()).toEqual(['knowledge_graph.duckdb', 'reflection.duckdb']);
    for (const [file, tables] of Object.entries(TABLES)) {
      const attached = { source: path.join(SAMPLES, file), restored: path.join(to, file) };
      for (const table of tables) {
        const columns = await query(
          `SELECT column_name AS name FROM duckdb_columns() WHERE database_name = 'source' AND table_name = '${table}'`,
          attached,
        );
        const kept = columns.map(({ name }) => String(name)).filter((name) => !NOT_KEPT.has(name));
        expect(kept).toContain(table === 'conversations_v2' ? 'timestamp' : 'created_at');
        const rows = async (database: string) =>
          query(`SELECT ${kept.join(', ')} FROM ${database}.${table} ORDER BY id`, attached);
        expect(await rows('restored')).toEqual(await rows('source'));
      }
    }
  }, 120_000);

  it('gives back vectors as far as the tiers keep them', async () => {
    const to = path.join(folder, 'vectors');
    const { embeddings } = await program.json<{ embeddings: Record<string, number> }>(
      ...['restore', '--system', 'laptop-1', '--to', to],
    );
    const file = 'reflection.duckdb';
    // In steps of a warm vector's scale: none for one that comes from hot.
    const [found] = await query(
      `SELECT count(*) FILTER (off = 0) AS exact, count(*) FILTER (off > 0) AS rounded, max(off) <= 0.51 AS near FROM (
         SELECT list_max(list_transform(list_zip(s.embedding::FLOAT[], r.embedding::FLOAT[]), lambda p: abs(p[1] - p[2])))
           / list_max(list_transform(s.embedding::FLOAT[], lambda x: abs(x))) * 127 AS off
         FROM source.conversations_v2 s JOIN restored.conversations_v2 r USING (id) WHERE r.embedding IS NOT NULL)`,
      { source: path.join(SAMPLES, file), restored: path.join(to, file) },
    );
    expect(found).toMatchObject({ near: true });
    for (const how of ['exact', 'rounded', 'none']) expect(embeddings[how]).toBeGreaterThan(0);
    expect(Number(found?.['exact'])).toBeGreaterThan(0);
    expect(Number(found?.['rounded'])).toBeGreaterThan(0);
  }, 60_000);

  it('serves pages in order that name each memory once, from all tiers', async () => {
    const url = (await findRunning(program.dataDir))?.api_url ?? '';
    const keys: string[] = [];
    const tiers = new Set<string>();
    let after: string | null = null;
    do {
      const asked: string = after === null ? '' : `&after=${encodeURIComponent(after)}`;
      const response = await fetch(`${url}/api/v1/systems/laptop-1/memories?limit=100${asked}`);
      const page = Memories.parse(await response.json());
      keys.push(...page.memories.map(({ kind, memory_id: id }) => `${kind}:${id}`));
      for (const { tier } of page.memories) tiers.add(tier);
      after = page.next;
    } while (after !== null);
    expect(keys).toHaveLength(447);
    expect([...new Set(keys)].sort()).toEqual(keys);
    expect([...tiers].sort()).toEqual(['cold', 'hot', 'warm']);
  });

  it('overwrites neither a database nor one’s log, and leaves nothing behind', async () => {
    for (const name of ['knowledge_graph.duckdb', 'reflection.duckdb.wal']) {
      const to = await mkdtemp(path.join(folder, 'taken-'));
      await writeFile(path.join(to, name), 'mine');
      const { code, stderr } = await program.run(['restore', '--system', 'laptop-1', '--to', to]);
      expect(code).toBe(2);
      expect(stderr).toContain(`${path.join(to, name)} exists, and a restore overwrites nothing`);
      expect(await readdir(to)).toEqual([name]);
    }
  }, 60_000);

  it('tells of a system that the server does not have', async () => {
    const to = path.join(folder, 'unknown');
    const { code, stderr } = await program.run(['restore', '--system', 'nobody', '--to', to]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('no memories of system nobody'),
    });
    expect(await readdir(to)).toEqual([]);
  }, 60_000);
});

describe('a memory that does not come back as it was', () => {
  it('is named, with exit code 1; the others are restored', async () => {
    // A double, because no real store answers a hash that its own row does not have.
    const memory = {
      systemId: 'laptop-1',
      kind: 'entity' as const,
      tier: 'cold' as const,
      content: 'n',
      project: null,
      tags: null,
      fields: '{"name": "n"}',
      embedding: null,
    };
    const api = await serve(
      {
        listMemories: (_systemId, { after }) =>
          Promise.resolve(
            after === undefined
              ? {
                  memories: [{ ...memory, memoryId: 'one', hash: '0'.repeat(64) }],
                  next: { kind: 'entity', memoryId: 'one' },
                }
              : {
                  memories: [{ ...memory, memoryId: 'two', hash: contentHash('entity', { name: 'n' }) }],
                  next: null,
                },
          ),
      },
      { apiToken: 'a-token-of-enough-length' },
    );
    const program = await Program.create({ AKOSHA_PORT: String(api.port) });
    try {
      const to = path.join(program.dataDir, 'restored');
      const args = ['restore', '--system', 'laptop-1', '--to', to, '--json'];
      const refused = await program.run(args);
      expect(refused.code).toBe(2);
      expect(refused.stdout).toContain('AKOSHA_API_TOKEN');
      const { code, stdout } = await program.run(args, { AKOSHA_API_TOKEN: 'a-token-of-enough-length' });
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({
        success: false,
        restored: 1,
        mismatched: 1,
        mismatches: ['entity:one'],
      });
    } finally {
      await program.destroy();
    }
  }, 60_000);

  it.each([
    ['after=memory:1', /^after must be the next of another page/],
    ['limit=0', /^limit must be a whole number from 1 to 500/],
    ['page=2', /^page is not known here/],
  ])('is not asked for by ?%s', async (search, message) => {
    const response = await (await serve()).get(`/api/v1/systems/laptop-1/memories?${search}`);
    expect(response.status).toBe(400);
    expect(
      z.object({ error: z.object({ message: z.string() }) }).parse(await response.json()).error.message,
    ).toMatch(message);
  });
});
