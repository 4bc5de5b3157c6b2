import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDING_MODEL } from '../../src/memory/index.js';
import { ColdVectors } from '../../src/search/cold-vectors.js';
import { search, type SearchAnswer, type SearchRequest } from '../../src/search/index.js';
import { AGE, between, direction, NOW, openTestStore, type TestStore } from './support.js';

const TIERS = ['hot', 'warm', 'cold'] as const;

function indexText(tier: string): string {
  return `A missing index made the report scan every row, ${tier} edition`;
}

/** Stands in for the model, so that a test says which query means what. */
const MEANINGS: Record<string, Float32Array> = {
  'renewing signing secrets': direction(1),
  'slow queries': direction(2),
  '=>': direction(1),
};
for (const [i, tier] of TIERS.entries()) {
  MEANINGS[indexText(tier)] = between(direction(2), direction(20 + i), 0.5);
}
const embedder = {
  embedQuery: (text: string) =>
    Promise.resolve({ model: EMBEDDING_MODEL, values: MEANINGS[text] ?? direction(99) }),
};

describe('search', () => {
  let test: TestStore;
  const ask = (request: SearchRequest): Promise<SearchAnswer> =>
    search({ store: test.store, embedder, timeoutMs: 10_000 }, request);
  const askWords = (request: SearchRequest): Promise<SearchAnswer> =>
    search({ store: test.store, embedder: undefined, timeoutMs: 10_000 }, request);
  const ids = ({ results }: SearchAnswer): string[] => results.map(({ memoryId }) => memoryId);

  beforeAll(async () => {
    test = await openTestStore();
    for (const [system, shift] of [['laptop', 0] as const, ['robot', 0.3] as const]) {
      await test.ingest(
        system,
        TIERS.flatMap((tier, i) => [
          {
            id: `keys-${tier}`,
            content: `We publish the new public key in the JWKS document, ${tier} edition`,
            daysOld: AGE[tier],
            project: 'gateway',
            vector: between(direction(1), direction(10 + i), 0.2 + shift),
          },
          {
            id: `index-${tier}`,
            content: indexText(tier),
            daysOld: AGE[tier] + 1,
            kind: 'reflection' as const,
            project: 'billing',
            tags: ['postgres', tier],
            vector: between(direction(2), direction(20 + i), 0.2 + shift),
          },
          { id: `bare-${tier}`, content: `No vector, but a zebra in ${tier}`, daysOld: AGE[tier] + 2 },
        ]),
      );
    }
    await test.age();
  });
  afterAll(() => test.close());

  it('finds by meaning in every tier without a word in common', async () => {
    const answer = await ask({ text: 'renewing signing secrets', systemId: 'laptop', limit: 3 });
    expect(new Set(ids(answer))).toEqual(new Set(['keys-hot', 'keys-warm', 'keys-cold']));
    expect(answer.results.every(({ matched }) => matched.includes('vector'))).toBe(true);
    expect(answer).toMatchObject({
      mode: 'vector+words',
      partial: [],
      embedding: { available: true, reason: null },
    });
    expect(Object.keys(answer.tiers)).toEqual([...TIERS]);
    expect(answer.tiers.cold?.candidates).toBeGreaterThanOrEqual(2);
  });

  it('ranks the nearest cold memories by their texts, of which it keeps signs alone', async () => {
    const asked: string[] = [];
    const rescoring = {
      ...embedder,
      embedTexts: (_model: string, texts: readonly string[]) => {
        asked.push(...texts);
        return Promise.resolve(
          texts.map((text) => (text === indexText('cold') ? direction(1) : direction(5))),
        );
      },
    };
    const coldVectors = new ColdVectors();
    const context = { store: test.store, embedder: rescoring, timeoutMs: 10_000, coldVectors };
    const request = { text: '=>', systemId: 'laptop', tiers: ['cold' as const], explain: true };
    // By its signs it is the other one.
    expect(ids(await ask(request))[0]).toBe('keys-cold');
    const { results } = await search(context, request);
    expect(results[0]).toMatchObject({ memoryId: 'index-cold' });
    expect(results[0]?.explain?.vector?.score).toBeCloseTo(1, 5);
    expect(asked).toHaveLength(2);
    // A text is embedded once.
    await search(context, request);
    expect(asked).toHaveLength(2);
    coldVectors.clear();
    await search(context, request);
    expect(asked).toHaveLength(4);
  });

  it('finds by words in every tier what has no vector', async () => {
    const answer = await ask({ text: 'zebra', systemId: 'laptop', limit: 20 });
    const found = answer.results.filter(({ matched }) => matched.includes('words'));
    expect(new Set(found.map(({ memoryId }) => memoryId))).toEqual(
      new Set(['bare-hot', 'bare-warm', 'bare-cold']),
    );
  });

  it('lets one common word not outweigh the meaning', async () => {
    const text = 'renewing signing secrets safely for every gateway deployment under heavy traffic';
    MEANINGS[text] = direction(1);
    const { results } = await ask({ text, systemId: 'laptop', limit: 9 });
    expect(results[0]).toMatchObject({ project: 'gateway', matched: ['vector'] });
    expect(results.some(({ matched }) => matched.includes('words'))).toBe(true);
  });

  it.each(TIERS)('puts a row of %s on top for its own text, by words alone too', async (tier) => {
    const text = indexText(tier);
    for (const answer of [
      await ask({ text, systemId: 'robot' }),
      await askWords({ text, systemId: 'robot' }),
    ]) {
      expect(answer.results[0]).toMatchObject({ memoryId: `index-${tier}`, tier, systemId: 'robot' });
    }
  });

  it('answers a row whole', async () => {
    const { results } = await ask({ text: 'missing index', systemId: 'laptop', tiers: ['cold'], limit: 1 });
    expect(results).toEqual([
      {
        systemId: 'laptop',
        kind: 'reflection',
        memoryId: 'index-cold',
        content: indexText('cold'),
        project: 'billing',
        tags: ['postgres', 'cold'],
        createdAt: new Date(NOW - (AGE.cold + 1) * 86_400_000).toISOString(),
        tier: 'cold',
        score: expect.any(Number),
        matched: ['vector', 'words'],
      },
    ]);
  });

  it.each([
    ['system', { systemId: 'robot' }, { systemId: 'robot' }],
    ['kind', { kind: 'reflection' as const }, { kind: 'reflection' }],
    ['project', { project: 'gateway' }, { project: 'gateway' }],
    ['one tier', { tiers: ['warm' as const] }, { tier: 'warm' }],
  ])('keeps to the filter on %s', async (_what, filter, expected) => {
    const { results } = await ask({ text: 'edition zebra', limit: 50, ...filter });
    expect(results.length).toBeGreaterThan(1);
    for (const result of results) expect(result).toMatchObject(expected);
  });

  it('keeps to own times from since to before until, in each tier', async () => {
    for (const tier of TIERS) {
      const own = NOW - AGE[tier] * 86_400_000;
      const within = await ask({ text: 'edition', since: own, until: own + 1, limit: 50 });
      expect(ids(within)).toEqual([`keys-${tier}`, `keys-${tier}`]);
      expect(ids(await ask({ text: 'edition', since: own + 1, until: own + 2 }))).toEqual([]);
    }
  });

  it('answers no key twice and no more than the limit, the same way each time', async () => {
    const request = { text: 'edition slow queries', limit: 7 };
    const first = await ask(request);
    const keys = first.results.map(({ systemId, kind, memoryId }) => `${systemId}/${kind}/${memoryId}`);
    expect(new Set(keys).size).toBe(7);
    expect((await ask(request)).results).toEqual(first.results);
    expect(ids(await ask({ ...request, limit: 3 }))).toEqual(ids(first).slice(0, 3));
  });

  it('says so where it goes by words alone', async () => {
    const answer = await askWords({ text: 'zebra' });
    expect(answer.mode).toBe('words');
    expect(answer.embedding).toEqual({ available: false, reason: 'embeddings are off (AKOSHA_EMBEDDINGS)' });
    expect(answer.results).toHaveLength(6);
  });

  it('goes by the vector alone where a query has no words', async () => {
    const answer = await ask({ text: '=>', systemId: 'laptop', limit: 3 });
    expect(answer.mode).toBe('vector');
    expect(new Set(ids(answer))).toEqual(new Set(['keys-hot', 'keys-warm', 'keys-cold']));
  });

  it.each(['', ' \n', '=>'])(
    'answers nothing to %j where it has neither words nor a vector',
    async (text) => {
      const answer = await (text === '=>' ? askWords({ text }) : ask({ text }));
      expect(answer).toMatchObject({
        results: [],
        partial: [],
        mode: 'none',
        embedding: { available: false },
      });
      expect(answer.embedding.reason).toEqual(expect.any(String));
    },
  );

  it.each([
    ['a limit of 0', { limit: 0 }, /limit must be a whole number from 1 to 1000/],
    ['a limit of 1001', { limit: 1001 }, /limit/],
    ['a broken limit', { limit: 1.5 }, /limit/],
    ['no tier', { tiers: [] }, /tiers must name at least one of hot, warm, cold/],
    ['an empty time', { since: 5, until: 5 }, /since must be before until/],
    ['no time', { until: Number.NaN }, /until must be a time/],
  ])('refuses %s', async (_what, bad, message) => {
    await expect(ask({ text: 'zebra', ...bad })).rejects.toMatchObject({
      type: 'BadRequest',
      message: expect.stringMatching(message),
    });
  });
});
