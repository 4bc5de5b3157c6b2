import { expect, it } from 'vitest';
import { AkoshaError, type Selection } from '../../src/contract/index.js';
import type { ApiServices } from '../../src/api/index.js';
import { serve } from './support.js';

const MATCHED = { hot: 1, warm: 2, cold: 0 };

/** What a selection is made of is tested here; what it finds, with the store. */
function services(asked: unknown[]): Partial<ApiServices> {
  return {
    select: (request) => {
      asked.push(request);
      return Promise.resolve(request.selection);
    },
    describeSelection: ({ systemId }: Selection) =>
      Promise.resolve({ system: systemId ?? null, tiers: MATCHED }),
    pin: (...request) => {
      asked.push(request);
      return Promise.resolve(3);
    },
    unpin: () => Promise.resolve(2),
  };
}

it('pins what is named, filtered or searched, and only counts where it is asked to', async () => {
  const asked: unknown[] = [];
  const api = await serve(services(asked));
  const key = { system_id: 'laptop-1', kind: 'entity', memory_id: 'a/b?' };
  const named = await api.post('/api/v1/pins', { memories: [key], tier: 'warm', reason: 'why' });
  expect(await named.json()).toEqual({ dry_run: false, system: null, matched: MATCHED, pins: 3 });
  const selection = { memories: [{ systemId: 'laptop-1', kind: 'entity', memoryId: 'a/b?' }] };
  expect(asked).toEqual([{ selection, query: null }, [selection, { tier: 'warm', reason: 'why' }]]);
  const filters = { query: 'keys', system_id: 'laptop-1', project: 'p', since: '2026-01-01' };
  const counted = await api.post('/api/v1/pins', { ...filters, dry_run: true });
  expect(await counted.json()).toEqual({ dry_run: true, system: 'laptop-1', matched: MATCHED, pins: null });
  expect(asked.slice(2)).toEqual([
    {
      selection: { systemId: 'laptop-1', project: 'p', since: Date.parse('2026-01-01') },
      query: { text: 'keys', limit: 100 },
    },
  ]);
  const removed = await api.post('/api/v1/pins/remove', { system_id: 'laptop-1' });
  expect(await removed.json()).toMatchObject({ dry_run: false, pins: 2 });
});

it('means a memory that is named twice once', async () => {
  const asked: unknown[] = [];
  const api = await serve(services(asked));
  const key = { system_id: 'laptop-1', kind: 'entity', memory_id: 'a' };
  await api.post('/api/v1/pins', { memories: [key, { ...key, memory_id: 'b' }, key], tier: 'warm' });
  const named = ['a', 'b'].map((memoryId) => ({ systemId: 'laptop-1', kind: 'entity', memoryId }));
  expect(asked[0]).toEqual({ selection: { memories: named }, query: null });
});

it.each<[object, RegExp]>([
  [{}, /must say which memories/],
  [{ tier: 'hot' }, /must say which memories/],
  [{ memories: [] }, /^memories must be a list of 1 to 1000/],
  [{ memories: [{ system_id: 'x', kind: 'memory', memory_id: 'y' }] }, /^memories.0.kind must be one of/],
  [{ memories: [{ system_id: 'x', kind: 'entity', memory_id: '' }] }, /must be a text of 1 to 1024/],
  [{ system_id: 'x', tier: 'cold' }, /^tier must be hot or warm/],
  [{ system_id: 'x', query: ' ' }, /^query must not be blank/],
  [{ system_id: 'x', limit: 0 }, /^limit must be a whole number from 1 to 1000/],
  [{ system_id: 'x', systemId: 'y' }, /^systemId is not known here/],
  [{ memories: [{ system_id: 'x', kind: 'entity', memory_id: 'y' }], query: 'z' }, /^query does not go with/],
])('pins nothing for %j', async (body, message) => {
  const response = await (await serve()).post('/api/v1/pins', body);
  expect(response.status).toBe(400);
  const { error } = (await response.json()) as { error: { message: string } };
  expect(error.message).toMatch(message);
});

it('lists pins page by page, each place as the one before gave it', async () => {
  const pin = {
    systemId: 'laptop-1',
    kind: 'entity',
    memoryId: 'ä',
    source: 'thaw',
    tier: 'hot',
    since: 0,
    until: 1000,
    reason: null,
  } as const;
  const asked: unknown[] = [];
  const api = await serve({
    listPins: ({ after, limit }) => {
      asked.push([after, limit]);
      return Promise.resolve({ pins: [pin], next: after === undefined ? pin : null });
    },
  });
  const first = (await (await api.get('/api/v1/pins?limit=1')).json()) as { pins: object[]; next: string };
  expect(first.pins).toEqual([
    {
      system_id: 'laptop-1',
      kind: 'entity',
      memory_id: 'ä',
      source: 'thaw',
      tier: 'hot',
      since: '1970-01-01T00:00:00.000Z',
      until: '1970-01-01T00:00:01.000Z',
      reason: null,
    },
  ]);
  expect(await (await api.get(`/api/v1/pins?after=${first.next}`)).json()).toMatchObject({ next: null });
  const place = { systemId: 'laptop-1', kind: 'entity', memoryId: 'ä', source: 'thaw' };
  expect(asked).toEqual([
    [undefined, 1],
    [place, 100],
  ]);
  expect((await api.get('/api/v1/pins?after=x')).status).toBe(400);
});

it('tells of a memory that is not known as such', async () => {
  const asked: unknown[] = [];
  const api = await serve({
    explainMemory: (key) => {
      asked.push(key);
      return Promise.reject(new AkoshaError('MemoryUnknown', 'there is no such memory'));
    },
  });
  const id = 'a/b?&é'.repeat(100);
  const query = new URLSearchParams({ kind: 'entity', memory_id: id });
  const response = await api.get(`/api/v1/systems/laptop-1/memories/explain?${query.toString()}`);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: { code: 'MemoryUnknown' } });
  expect(asked).toEqual([{ systemId: 'laptop-1', kind: 'entity', memoryId: id }]);
});
