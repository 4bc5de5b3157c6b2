import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { EMBEDDING_MODEL } from '../../src/memory/index.js';
import type { MemoryStore, ModelVector } from '../../src/store/index.js';
import { Models, openSearch, search, type SearchAnswer } from '../../src/search/index.js';
import { AGE, direction, openTestStore, type TestStore } from './support.js';

const TIERS = ['hot', 'warm', 'cold'] as const;
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
const embedder = { embedQuery: () => Promise.resolve({ model: EMBEDDING_MODEL, values: direction(1) }) };

/** Keeps the catalog's scans of vectors on their way to its thread, until they are let go. */
function holdScans(): { sent: () => number; letGo: () => void } {
  const held: (() => void)[] = [];
  let sent = 0;
  let holding = true;
  const send = Worker.prototype.postMessage;
  const spy = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (
    this: Worker,
    message: unknown,
  ) {
    const isScan =
      typeof message === 'object' &&
      message !== null &&
      'method' in message &&
      message.method === 'searchMadeVectors';
    if (isScan) sent++;
    const go = (): void => send.call(this, message);
    if (isScan && holding) held.push(go);
    else go();
  });
  onTestFinished(() => spy.mockRestore());
  return {
    sent: () => sent,
    letGo: () => {
      holding = false;
      for (const go of held) go();
    },
  };
}

/** The real store with some of its answers replaced, to have a fault where and when the test wants it. */
describe('search over a store of which something fails', () => {
  let test: TestStore;
  const searchWith = (faults: Partial<MemoryStore>, timeoutMs = 10_000): Promise<SearchAnswer> =>
    search({ store: { ...test.store, ...faults }, embedder, timeoutMs }, { text: 'zebra' });
  const tiersOf = ({ results }: SearchAnswer): string[] => results.map(({ tier }) => tier).sort();

  beforeAll(async () => {
    test = await openTestStore();
    await test.ingest(
      'laptop',
      TIERS.map((tier) => ({
        id: tier,
        content: `a zebra in ${tier}`,
        daysOld: AGE[tier],
        vector: direction(1),
      })),
    );
    await test.age();
  });
  afterAll(() => test.close());

  it('names the tier that failed and answers with the others', async () => {
    const answer = await searchWith({
      searchWords: (tier, ...rest) =>
        tier === 'cold' ? Promise.reject(new Error('no such object')) : test.store.searchWords(tier, ...rest),
      searchVectors: (tier, ...rest) =>
        tier === 'cold' ? Promise.reject(new Error('no file')) : test.store.searchVectors(tier, ...rest),
    });
    expect(tiersOf(answer)).toEqual(['hot', 'warm']);
    expect(answer.partial).toEqual([{ tier: 'cold', reason: 'words: no such object; vectors: no file' }]);
  });

  it('names a tier whose file was lost, of those that were asked', async () => {
    const since = Date.parse('2026-11-22T12:00:00Z');
    const damaged = { damaged: () => [{ tier: 'hot' as const, since }] };
    const [one] = (await searchWith(damaged)).partial;
    expect(one).toMatchObject({
      tier: 'hot',
      reason: expect.stringMatching(/2026-11-22.*akosha repair/) as unknown,
    });
    const context = { store: { ...test.store, ...damaged }, embedder, timeoutMs: 10_000 };
    expect((await search(context, { text: 'zebra', tiers: ['warm'] })).partial).toEqual([]);
  });

  it('leaves out a tier that takes longer than its own time, and names the setting', async () => {
    const faults: Partial<MemoryStore> = {
      searchWords: (tier, ...rest) => (tier === 'cold' ? never() : test.store.searchWords(tier, ...rest)),
      listMatches: (tier, ...rest) => (tier === 'cold' ? never() : test.store.listMatches(tier, ...rest)),
    };
    const store = { ...test.store, ...faults };
    const context = { store, embedder: undefined, timeoutMs: 20_000, tierTimes: { cold: 100 } };
    for (const sort of ['relevance', 'time'] as const) {
      const answer = await search(context, { text: 'zebra', sort });
      expect(tiersOf(answer)).toEqual(['hot', 'warm']);
      expect(answer.partial).toEqual([
        {
          tier: 'cold',
          reason:
            'words: no answer in time: the cold tier may take 0.1 s of a search (AKOSHA_SEARCH_COLD_SECONDS)',
        },
      ]);
      expect(answer.ms).toBeLessThan(10_000);
    }
  });

  it('keeps what one of a tier’s two searches found', async () => {
    const answer = await searchWith({
      searchVectors: (tier, ...rest) =>
        tier === 'warm' ? Promise.reject(new Error('torn')) : test.store.searchVectors(tier, ...rest),
    });
    expect(tiersOf(answer)).toEqual(['cold', 'hot', 'warm']);
    expect(answer.partial).toEqual([{ tier: 'warm', reason: 'vectors: torn' }]);
  });

  it('does not wait for a tier beyond its time', async () => {
    const started = performance.now();
    const answer = await searchWith(
      {
        searchVectors: (tier, ...rest) =>
          tier === 'cold' ? never() : test.store.searchVectors(tier, ...rest),
      },
      2000,
    );
    expect(performance.now() - started).toBeLessThan(2500);
    expect(tiersOf(answer)).toEqual(['cold', 'hot', 'warm']);
    expect(answer.partial).toEqual([
      {
        tier: 'cold',
        reason: 'vectors: no answer in time: a search may take 2 s (AKOSHA_SEARCH_TIMEOUT_SECONDS)',
      },
    ]);
  });

  it('answers without the scan of vectors that gets no turn, and leaves it out for good', async () => {
    const scans = holdScans();
    const answers = await Promise.all(Array.from({ length: 8 }, () => searchWith({}, 2000)));
    // Of the one that had its turn the scan itself was late.
    const reasons = answers.flatMap(({ partial }) => partial.map(({ reason }) => reason));
    expect(
      reasons.filter((reason) => /^made vectors: no turn within 0\.\d s .*waiting/.test(reason)),
    ).toHaveLength(23);
    expect(reasons.filter((reason) => reason.startsWith('made vectors: no answer in time'))).toHaveLength(1);
    // The hosts' own vectors count all the same.
    for (const { results } of answers) {
      expect(results.map(({ tier, matched }) => [tier, matched])).toEqual(
        expect.arrayContaining(TIERS.map((tier) => [tier, ['vector', 'words']])),
      );
    }
    expect(scans.sent()).toBe(1);
    scans.letGo();
    expect((await searchWith({})).partial).toEqual([]);
    expect(scans.sent()).toBe(4);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('object gone'))],
    ['hangs', () => never<never>()],
  ])('loses only the tier whose fetch %s', async (_how, fault) => {
    const answer = await searchWith(
      { fetch: (keys, tiers) => (tiers.includes('cold') ? fault() : test.store.fetch(keys, tiers)) },
      2000,
    );
    expect(tiersOf(answer)).toEqual(['hot', 'warm']);
    expect(answer.partial).toEqual([{ tier: 'cold', reason: expect.stringMatching(/^rows: /) }]);
  });

  it('names the tier whose rows are not where they should be', async () => {
    const faults: Partial<MemoryStore> = {
      fetch: async (keys, tiers, onMissing) => {
        for (const tier of ['hot', 'cold', 'hot'] as const) onMissing?.(tier);
        return (await test.store.fetch(keys, tiers)).filter(({ tier }) => tier === 'warm');
      },
    };
    const context = { store: { ...test.store, ...faults }, embedder, timeoutMs: 10_000 };
    for (const sort of ['relevance', 'time'] as const) {
      const answer = await search(context, { text: 'zebra', sort });
      expect(tiersOf(answer)).toEqual(['warm']);
      expect(answer.partial).toEqual([
        { tier: 'hot', reason: expect.stringMatching(/^rows: .*akosha repair --tier hot/) },
        { tier: 'cold', reason: expect.stringMatching(/^rows: .*akosha scrub/) },
      ]);
    }
  });

  it('answers with nothing and three reasons where all fails', async () => {
    const fail = (): Promise<never> => Promise.reject(new Error('down'));
    const answer = await searchWith({ searchWords: fail, searchVectors: fail, fetch: fail });
    expect(answer.results).toEqual([]);
    expect(answer.partial.map(({ tier }) => tier)).toEqual([...TIERS]);
  });

  it('goes by what a row is now, not by what its candidate was', async () => {
    const stale = { systemId: 'laptop', kind: 'conversation', memoryId: 'hot', score: 1 } as const;
    const faults: Partial<MemoryStore> = {
      searchWords: () => Promise.resolve([{ ...stale, memoryId: 'forgotten' }, stale]),
      searchVectors: () => Promise.resolve([stale, stale]),
    };
    const context = { store: { ...test.store, ...faults }, embedder, timeoutMs: 10_000 };
    const answer = await search(context, { text: 'zebra' });
    expect(answer.results.map(({ memoryId }) => memoryId)).toEqual(['hot']);
    for (const filter of [
      { project: 'other' },
      { kind: 'entity' as const },
      { until: 1 },
      { systemId: 'other' },
    ]) {
      expect((await search(context, { text: 'zebra', ...filter })).results).toEqual([]);
    }
    expect((await search(context, { text: 'zebra', tiers: ['cold'] })).results).toEqual([]);
  });

  it('answers with what another tier has where the best candidates cannot be had', async () => {
    const lost = Array.from({ length: 50 }, (_, i) => ({
      ...{ systemId: 'laptop', kind: 'conversation' as const, memoryId: `lost-${i}`, score: 1 },
    }));
    const faults: Partial<MemoryStore> = {
      searchVectors: async (tier, ...rest) => {
        const found = await test.store.searchVectors(tier, ...rest);
        return tier === 'hot' ? lost : found.map((candidate) => ({ ...candidate, score: 0.5 }));
      },
    };
    const context = { store: { ...test.store, ...faults }, embedder, timeoutMs: 10_000 };
    const answer = await search(context, { text: '?', tiers: ['hot', 'warm'] });
    expect(answer.results.map(({ memoryId }) => memoryId)).toEqual(['warm']);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('the model is gone')), /the model is gone/],
    ['hangs', () => never<ModelVector>(), /no answer in time/],
  ])('goes on by words where the embedder %s', async (_how, embedQuery, reason) => {
    const answer = await search(
      { store: test.store, embedder: { embedQuery }, timeoutMs: 1000 },
      { text: 'zebra' },
    );
    expect(answer).toMatchObject({
      mode: 'words',
      partial: [],
      embedding: { available: false, reason: expect.stringMatching(reason) },
    });
    expect(tiersOf(answer)).toEqual(['cold', 'hot', 'warm']);
  });

  it('goes on by words where the model is not installed, and says so', async () => {
    for (const [directory, reason] of [
      [undefined, /not installed: run/],
      ['/nonexistent', /model\.onnx cannot be read.*AKOSHA_MODEL_DIR/],
    ] as const) {
      const models = new Models({ directoryOf: () => Promise.resolve(directory) });
      const opened = openSearch({ store: test.store, timeoutMs: 10_000, models });
      const answer = await opened.search({ text: 'zebra' });
      expect(answer.embedding).toEqual({ available: false, reason: expect.stringMatching(reason) });
      expect(answer.results).toHaveLength(3);
      await models.close();
    }
  });

  it('stops on the caller’s signal, before and during', async () => {
    const context = { store: { ...test.store, searchWords: never }, embedder, timeoutMs: 10_000 };
    const stop = new AbortController();
    const running = search(context, { text: 'zebra' }, stop.signal);
    stop.abort();
    await expect(running).rejects.toMatchObject({ type: 'Cancelled' });
    await expect(search(context, { text: 'zebra' }, stop.signal)).rejects.toMatchObject({
      type: 'Cancelled',
    });
  });
});
