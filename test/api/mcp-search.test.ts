import { expect, it } from 'vitest';
import type { SearchAnswer, SearchRequest } from '../../src/search/index.js';
import { serve } from './support.js';

const ANSWER: SearchAnswer = {
  results: [
    {
      systemId: 'laptop',
      kind: 'conversation',
      memoryId: 'm1',
      content: 'zebra '.repeat(1000),
      project: null,
      tags: [],
      createdAt: '2026-11-22T12:00:00.000Z',
      tier: 'hot',
      score: 0.03,
      matched: ['words'],
      snippet: { text: 'zebra', marks: [[0, 5]], cutBefore: false, cutBehind: true },
    },
  ],
  nextCursor: 'next',
  partial: [],
  tiers: {},
  mode: 'words',
  embedding: { available: false, reason: 'off' },
  ms: 1,
};

async function callTool(args: object): Promise<{ asked: SearchRequest | undefined; answer: unknown }> {
  let asked: SearchRequest | undefined;
  const api = await serve({
    search: (request) => {
      asked = request;
      return Promise.resolve(ANSWER);
    },
  });
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call' };
  const params = { name: 'search_all_systems', arguments: args };
  const answer: unknown = await (await api.post('/mcp', { ...message, params })).json();
  return { asked, answer };
}

it('searches as REST does, with the original’s arguments and its own', async () => {
  const original = { query: 'zebra', limit: 5, threshold: 0.7, system_id: null };
  const own = {
    tag: 'stripes',
    known_by: '2026-11-01',
    sort: 'time',
    cursor: 'c',
    explain: true,
    tier: 'cold',
  };
  const { asked, answer } = await callTool({ ...original, ...own });
  expect(asked).toEqual({
    text: 'zebra',
    limit: 5,
    systemId: undefined,
    knownBy: Date.parse('2026-11-01'),
    tag: 'stripes',
    sort: 'time',
    cursor: 'c',
    explain: true,
    snippets: true,
    tiers: ['cold'],
  });
  expect(answer).toMatchObject({
    result: {
      isError: false,
      structuredContent: {
        next_cursor: 'next',
        results: [
          {
            memory_id: 'm1',
            content: 'zebra '.repeat(1000).slice(0, 2000),
            content_cut: true,
            snippet: { marks: [[0, 5]], cut_behind: true },
          },
        ],
      },
    },
  });
});

it('refuses what REST refuses', async () => {
  const { asked, answer } = await callTool({ query: ' ', limit: 0 });
  expect(asked).toBeUndefined();
  expect(JSON.stringify(answer)).toMatch(/query: must not be blank.*limit: must be a whole number/);
});
