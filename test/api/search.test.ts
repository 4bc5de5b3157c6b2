import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiServices } from '../../src/api/index.js';
import { MAX_QUERY_CHARACTERS } from '../../src/contract/index.js';
import { openSearch, type Search } from '../../src/search/index.js';
import { AGE, NOW, openTestStore, type TestStore } from '../search/support.js';
import { serve } from './support.js';

const iso = (daysOld: number): string => new Date(NOW - daysOld * 86_400_000).toISOString();

describe('POST /api/v1/search', () => {
  let test: TestStore;
  let search: Search;
  let services: Partial<ApiServices>;

  beforeAll(async () => {
    test = await openTestStore();
    await test.ingest('laptop', [
      { id: 'h', content: 'a zebra today', daysOld: AGE.hot, project: 'zoo' },
      { id: 'w', content: 'a zebra last month', daysOld: AGE.warm, kind: 'reflection', tags: ['stripes'] },
      { id: 'c', content: 'a zebra long ago', daysOld: AGE.cold },
    ]);
    await test.age();
    search = openSearch({ store: test.store, timeoutMs: 10_000, models: undefined });
    services = { search: (asked, signal) => search.search(asked, signal) };
  });
  afterAll(() => test.close());

  const idsFor = async (body: Record<string, unknown>): Promise<string[]> => {
    const response = await (await serve(services)).post('/api/v1/search', { query: 'zebra', ...body });
    expect(response.status).toBe(200);
    const { results } = (await response.json()) as { results: { memory_id: string }[] };
    return results.map(({ memory_id: id }) => id).sort();
  };

  it('answers in snake case, with tiers, partial and embedding', async () => {
    const response = await (await serve(services)).post('/api/v1/search', { query: 'zebra month' });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    const measured = { ms: expect.any(Number), candidates: 1 };
    expect(await response.json()).toMatchObject({
      query: 'zebra month',
      total_results: 3,
      results: [
        {
          system_id: 'laptop',
          kind: 'reflection',
          memory_id: 'w',
          content: 'a zebra last month',
          project: null,
          tags: ['stripes'],
          created_at: iso(AGE.warm),
          tier: 'warm',
          score: expect.any(Number),
          matched: ['words'],
        },
        { memory_id: 'h', project: 'zoo', tags: [] },
        { memory_id: 'c', tier: 'cold' },
      ],
      partial: [],
      tiers: { hot: measured, warm: measured, cold: measured },
      mode: 'words',
      embedding: { available: false, reason: expect.stringMatching(/AKOSHA_EMBEDDINGS/) },
      took_ms: expect.any(Number),
    });
  });

  it('answers pages, newest first where asked, with snippets and explanations', async () => {
    const api = await serve(services);
    const asked = { query: 'zebra', sort: 'time', limit: 2, snippets: true, explain: true };
    const first = (await (await api.post('/api/v1/search', asked)).json()) as { next_cursor: string };
    expect(first).toMatchObject({
      results: [
        {
          memory_id: 'h',
          snippet: { text: 'a zebra today', marks: [[2, 7]], cut_before: false, cut_behind: false },
          explain: { vector: null, words: null, recency: null, age_days: expect.any(Number) },
        },
        { memory_id: 'w' },
      ],
      next_cursor: expect.any(String),
    });
    const second = await api.post('/api/v1/search', { ...asked, cursor: first.next_cursor });
    expect(await second.json()).toMatchObject({ results: [{ memory_id: 'c' }], next_cursor: null });
  });

  it.each([
    ['limit', { limit: 1 }, 1],
    ['system_id', { system_id: 'laptop' }, 3],
    ['another system_id', { system_id: 'robot' }, 0],
  ])('takes %s', async (_what, body, count) => {
    expect(await idsFor(body)).toHaveLength(count);
  });

  it.each([
    ['kind', { kind: 'reflection' }, ['w']],
    ['project', { project: 'zoo' }, ['h']],
    ['tag', { tag: 'stripes' }, ['w']],
    ['known_by before they came', { known_by: '2020-01-01' }, []],
    ['known_by after they came', { known_by: '2100-01-01' }, ['c', 'h', 'w']],
    ['one tier', { tier: 'cold' }, ['c']],
    ['several tiers', { tier: ['hot', 'cold'] }, ['c', 'h']],
    ['since', { since: iso(AGE.warm) }, ['h', 'w']],
    ['until', { until: iso(AGE.warm) }, ['c']],
    ['a time with another zone', { since: iso(AGE.warm).replace('Z', '+02:00') }, ['h', 'w']],
    ['dates', { since: '2026-10-01', until: '2026-11-01' }, ['w']],
  ])('takes %s', async (_what, body, expected) => {
    expect(await idsFor(body)).toEqual(expected);
  });

  it.each([
    ['no query', {}, 'query', /must be a text/],
    ['an empty query', { query: '' }, 'query', /must not be blank/],
    ['a blank query', { query: ' \n\u3000' }, 'query', /must not be blank/],
    [
      'too long a query',
      { query: 'x'.repeat(MAX_QUERY_CHARACTERS + 1) },
      'query',
      /^must not exceed 400000 characters \(MAX_QUERY_CHARACTERS\), and has 400001$/,
    ],
    ['a number for a query', { query: 5 }, 'query', /must be a text/],
    ['too high a limit', { query: 'x', limit: 1001 }, 'limit', /from 1 to 1000/],
    ['a limit as text', { query: 'x', limit: '10' }, 'limit', /whole number/],
    ['a limit that is not whole', { query: 'x', limit: 1.5 }, 'limit', /whole number/],
    ['an unknown tier', { query: 'x', tier: 'frozen' }, 'tier', /hot, warm, cold/],
    ['no tier', { query: 'x', tier: [] }, 'tier', /hot, warm, cold/],
    ['an unknown kind', { query: 'x', kind: 'dream' }, 'kind', /conversation, reflection, entity, relation/],
    ['a time without a zone', { query: 'x', since: '2026-11-22T12:00:00' }, 'since', /ISO 8601/],
    ['a bad system_id', { query: 'x', system_id: 'a/b' }, 'system_id', /letters, digits/],
    ['an unknown sort', { query: 'x', sort: 'size' }, 'sort', /relevance, time/],
    ['a made-up cursor', { query: 'x', cursor: 'AAAA' }, 'cursor', /next_cursor of a page of this search/],
    ['words for a flag', { query: 'x', explain: 'yes' }, 'explain', /true or false/],
    ['an unknown field', { query: 'x', systemId: 'a' }, 'systemId', /not known/],
    [
      'a time that ends before it begins',
      { query: 'x', since: '2026-11-02', until: '2026-11-01' },
      'since',
      /before until/,
    ],
  ])('refuses %s, naming field and rule', async (_what, body, field, rule) => {
    const response = await (await serve(services)).post('/api/v1/search', body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: {
        code: 'BadRequest',
        message: expect.stringContaining(field),
        details: { fields: [{ field, rule: expect.stringMatching(rule) }] },
      },
    });
  });

  it.each([
    ['broken JSON', '{"query":', 'application/json', 400, 'BadRequest'],
    ['no object', '"zebra"', 'application/json', 400, 'BadRequest'],
    ['no body', '', 'application/json', 400, 'BadRequest'],
    ['a prototype in disguise', '{"query":"x","__proto__":{}}', 'application/json', 400, 'BadRequest'],
    ['plain text', '{"query":"x"}', 'text/plain', 415, 'UnsupportedMediaType'],
    [
      'more than 1 MiB',
      JSON.stringify({ query: 'x'.repeat(1_048_576) }),
      'application/json',
      413,
      'PayloadTooLarge',
    ],
  ])('refuses %s', async (_what, body, type, status, code) => {
    const response = await (await serve(services)).post('/api/v1/search', body, { 'content-type': type });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({
      error: expect.objectContaining({ code, message: expect.any(String) }),
    });
  });

  it('takes the longest text allowed, operators and emoji as a query', async () => {
    const api = await serve(services);
    for (const query of [
      'zebra '.repeat(MAX_QUERY_CHARACTERS).slice(0, MAX_QUERY_CHARACTERS),
      '"; DROP TABLE x; -- NEAR(',
      '🙂',
    ]) {
      expect((await api.post('/api/v1/search', { query })).status).toBe(200);
    }
  });

  it('counts searches and the tiers that were missing', async () => {
    const api = await serve({
      search: async (asked, signal) => ({
        ...(await search.search(asked, signal)),
        partial: [{ tier: 'cold', reason: 'no answer in time' }],
      }),
    });
    const answer = (await (await api.post('/api/v1/search', { query: 'zebra' })).json()) as {
      partial: unknown;
    };
    expect(answer.partial).toEqual([{ tier: 'cold', reason: 'no answer in time' }]);
    const metrics = await (await api.get('/metrics')).text();
    expect(metrics).toContain('akosha_search_partial_total{tier="cold"} 1');
    expect(metrics).toContain('akosha_search_duration_seconds_count 1');
  });

  it('leaves neither query nor text in the log', async () => {
    const api = await serve(services);
    await api.post('/api/v1/search?note=unmistakable', { query: 'zebra unmistakable' });
    await api.post('/api/v1/unmistakable', { query: 'zebra' });
    expect(api.logged()).toContain('"route":"/api/v1/search"');
    expect(api.logged()).not.toMatch(/zebra|unmistakable/);
  });

  it('ends the search of a client that hangs up', async () => {
    let signal: AbortSignal | undefined;
    const api = await serve({
      search: (_asked, stop) => {
        signal = stop;
        return new Promise((_resolve, reject) =>
          stop.addEventListener('abort', () => reject(new Error('given up'))),
        );
      },
    });
    const client = request(`${api.url}/api/v1/search`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    client.on('error', () => undefined);
    client.end(JSON.stringify({ query: 'zebra' }));
    await expect.poll(() => signal).toBeDefined();
    client.destroy();
    await expect.poll(() => signal?.aborted).toBe(true);
  });
});
