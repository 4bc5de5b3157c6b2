import { rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { Program } from '../support/program.js';
import { readStore } from '../support/store-check.js';

interface Found {
  results: { kind: string; memory_id: string; tier: string; content: string }[];
  partial: unknown[];
}

interface Rebuilt {
  memories: number;
  pending: number;
  seconds: number;
}

/** Half a year on: what the sample brings has left hot, and some of it warm. */
const AS_OF = '2027-01-20T12:00:00Z';

async function search(program: Program): Promise<Found> {
  const body = { query: 'project', limit: 20 };
  const { results, partial } = await program.api<Found>('/api/v1/search', 'POST', body);
  return {
    results: results.map(({ kind, memory_id, tier, content }) => ({ kind, memory_id, tier, content })),
    partial,
  };
}

it('the store is deleted and rebuilt: the same memories, hashes, tiers and search results', async () => {
  // Words alone: the model would be loaded twice and add nothing here.
  const program = await Program.create({ AKOSHA_EMBEDDINGS: 'off', AKOSHA_CLOCK: AS_OF });
  try {
    program.environment['AKOSHA_DATABASES'] = path.join(program.dataDir, 'host/knowledge_graph.duckdb');
    await program.up();
    await program.sync();
    await program.age();
    const found = await search(program);
    expect(found.results.length).toBeGreaterThan(0);
    expect(await program.signal('SIGTERM')).toBe(0);
    const before = await readStore(program.dataDir);
    for (const name of ['store', 'cache', 'scratch'])
      await rm(path.join(program.dataDir, name), { recursive: true, force: true });

    const { code, stderr } = await program.run(['up']);
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('akosha rebuild') as string,
    });
    const rebuilt = await program.json<Rebuilt>('rebuild', '--json', '--dead-since', '2026-01-01T00:00:00Z');
    expect(rebuilt).toMatchObject({ memories: 135, pending: 0 });

    expect((await readStore(program.dataDir)).memories).toEqual(before.memories);
    await program.up();
    expect(await search(program)).toEqual(found);
    expect(await program.signal('SIGTERM')).toBe(0);
  } finally {
    await program.destroy();
  }
}, 180_000);
