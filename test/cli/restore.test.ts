import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { contentHash } from '../../src/memory/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { findRunning } from '../../src/runtime/index.js';
import { serve } from '../api/support.js';
import { originalId, putOriginal } from '../ingest/support.js';
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

  describe('akosha export', () => {
    const exported = (format: string, ...args: string[]) =>
      program.json<Record<string, unknown>>(
        ...['export', '--system', 'laptop-1', '--format', format, ...args],
      );

    it.each(['parquet', 'jsonl'])(
      'writes every memory as %s, and reads it back',
      async (format) => {
        const file = path.join(folder, 'out', `all.${format}`);
        const answer = await exported(format, '--out', file);
        expect(answer).toMatchObject({
          success: true,
          format,
          file,
          memories: 447,
          equal: 447,
          mismatched: 0,
        });
        const source = format === 'parquet' ? `read_parquet('${file}')` : `read_json('${file}')`;
        const rows = await query(
          `SELECT count(DISTINCT (kind, memory_id)) AS memories, count(DISTINCT tier) AS tiers, min(system_id) AS system,
           count(created_at) AS times, count(*) FILTER (length(hash) = 64) AS hashes, count(embedding) AS vectors FROM ${source}`,
          {},
        );
        const { exact, rounded } = z
          .object({ embeddings: z.object({ exact: z.number(), rounded: z.number() }) })
          .parse(answer).embeddings;
        // As JSON, which makes texts of whole numbers.
        const all = { memories: '447', times: '447', hashes: '447' };
        expect(rows).toEqual([{ ...all, tiers: '3', system: 'laptop-1', vectors: String(exact + rounded) }]);
        expect(await readdir(path.dirname(file))).toContain(path.basename(file));
        expect((await readdir(path.dirname(file))).filter((name) => name.startsWith('.'))).toEqual([]);
      },
      60_000,
    );

    it('writes a database that is unchanged when it is uploaded again', async () => {
      const file = path.join(folder, 'again.duckdb');
      expect(await exported('duckdb', '--out', file)).toMatchObject({ memories: 447, equal: 447 });
      const objects = await openObjectStore(`file://${path.join(program.dataDir, 'objects')}`);
      const upload = { systemId: 'laptop-1', uploadId: originalId() };
      await putOriginal(objects, upload, { 'again.duckdb.gz': gzipSync(await readFile(file)) });
      await objects.close();
      await program.walk();
      const { rows } = await program.json<{ rows: Record<string, number> }>(
        ...['receipts', '--upload', upload.uploadId],
      );
      expect(rows).toMatchObject({ unchanged: 447, new: 0, changed: 0, refused: 0 });
    }, 60_000);

    it('keeps to filters, and overwrites nothing', async () => {
      const file = path.join(folder, 'some.jsonl');
      const filters = ['--kind', 'reflection', '--since', '2026-11-01', '--until', '2026-11-22T12:00:00Z'];
      const answer = await exported('jsonl', '--out', file, ...filters);
      const lines = (await readFile(file, 'utf8')).trim().split('\n');
      const rows = lines.map((line) =>
        z.looseObject({ kind: z.string(), created_at: z.string() }).parse(JSON.parse(line)),
      );
      expect(answer).toMatchObject({
        memories: rows.length,
        kinds: { conversation: 0, reflection: rows.length },
      });
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.every(({ kind, created_at: at }) => kind === 'reflection' && at >= '2026-11-01')).toBe(
        true,
      );
      const args = ['export', '--system', 'laptop-1', '--format', 'jsonl', '--out', file];
      const taken = await program.run(args);
      expect([taken.code, taken.stderr]).toEqual([2, expect.stringContaining('overwrites nothing')]);
      const nobody = await program.run([
        ...args.slice(0, 1),
        '--system',
        'nobody',
        ...args.slice(3, 5),
        '--out',
        `${file}-2`,
      ]);
      expect([nobody.code, nobody.stderr]).toEqual([
        1,
        expect.stringContaining('no such memories of system nobody'),
      ]);
    }, 60_000);
  });

  it('explains, pins, thaws and moves what is named', async () => {
    const explain = async (memory: string) =>
      program.json<{
        tier: string;
        pins: { source: string }[];
        why: string;
        next: { waits_for: { what: string }[] } | null;
      }>(...['explain', memory]);
    const { memories } = await program.api<{ memories: { kind: string; memory_id: string; tier: string }[] }>(
      '/api/v1/systems/laptop-1/memories?limit=500',
    );
    const cold = memories.find(({ tier }) => tier === 'cold') ?? expect.fail('nothing is cold');
    const name = `laptop-1/${cold.kind}/${cold.memory_id}`;
    expect(await explain(name)).toMatchObject({ tier: 'cold', next: null, pins: [] });
    const unknown = await program.run(['explain', `${name}-not`]);
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('akosha search')]);
    expect((await program.run(['explain', 'no-upload'])).code).toBe(1);

    const thawed = await program.json<{ status: string; moved: number }>(
      'thaw',
      name,
      '--to',
      'hot',
      '--wait',
    );
    expect(thawed).toMatchObject({ status: 'done', moved: 1, left: 0 });
    expect(await explain(name)).toMatchObject({ tier: 'hot', pins: [{ source: 'thaw', tier: 'hot' }] });
    expect(await program.age()).toBe(0);

    expect(await program.json('pin', name, '--reason', 'kept')).toMatchObject({ pins: 1 });
    const refused = await program.json<object>('move', name, '--to', 'cold', '--wait');
    expect(refused).toMatchObject({ moved: 0, left: 1 });
    const { pins } = await program.json<{ pins: object[] }>('pin', 'list', '--system', 'laptop-1');
    expect(pins).toMatchObject([{ memory_id: cold.memory_id, source: 'pin', tier: 'hot', reason: 'kept' }]);
    expect(await program.json('unpin', name)).toMatchObject({ pins: 1 });
    expect(await program.json('move', name, '--to', 'cold', '--wait')).toMatchObject({ moved: 2, left: 0 });
    expect(await explain(name)).toMatchObject({ tier: 'cold' });

    const many = await program.run(['thaw', '--system', 'laptop-1', '--to', 'warm']);
    expect([many.code, many.stderr]).toEqual([2, expect.stringContaining('say --yes')]);
    const found = await program.json<object>(
      'pin',
      '--query',
      'how are keys rotated',
      '--limit',
      '3',
      '--dry-run',
    );
    expect(found).toMatchObject({ dry_run: true, system: null, pins: null });
    expect((await program.run(['pin'])).code).toBe(2);
  }, 120_000);

  it('tells by its exit code that a transition was paused', async () => {
    await program.json('tiers', 'pause', '--reason', 'a test');
    const { code, stdout } = await program.run(['tiers', 'run', '--wait', '--json']);
    await program.json('tiers', 'resume');
    expect([code, JSON.parse(stdout)]).toEqual([1, expect.objectContaining({ status: 'paused' })]);
  }, 60_000);
});

describe('a memory that does not come back as it was', () => {
  it('is named, with exit code 1; the others are restored', async () => {
    // A double, because no real store answers a hash that its own row does not have.
    const memory = {
      systemId: 'laptop-1',
      kind: 'entity' as const,
      tier: 'cold' as const,
      ownTime: 0,
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
