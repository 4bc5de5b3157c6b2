import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tier } from '../../src/contract/index.js';
import { EMBEDDING_MODEL } from '../../src/memory/index.js';
import type { MemoryStore } from '../../src/store/index.js';
import { search, type SearchAnswer, type SearchRequest } from '../../src/search/index.js';
import { readCursor, type CursorScope } from '../../src/search/cursor.js';
import { AGE, between, direction, NOW, openTestStore, type TestStore } from './support.js';

const DAY_MS = 86_400_000;
const TIERS = ['hot', 'warm', 'cold'] as const;
const embedder = { embedQuery: () => Promise.resolve({ model: EMBEDDING_MODEL, values: direction(1) }) };
const ids = ({ results }: SearchAnswer): string[] => results.map(({ memoryId }) => memoryId);

describe('pages of a search', () => {
  let test: TestStore;
  const ask = (request: SearchRequest): Promise<SearchAnswer> =>
    search({ store: test.store, embedder, timeoutMs: 20_000, clock: () => NOW }, request);

  /** Of all pages; `between` runs before each but the first. */
  async function pages(
    request: SearchRequest,
    beforeNext: () => Promise<void> = () => Promise.resolve(),
  ): Promise<string[][]> {
    const all: string[][] = [];
    for (let cursor: string | undefined; ;) {
      const answer = await ask({ ...request, cursor });
      expect(answer.partial).toEqual([]);
      all.push(ids(answer));
      if (answer.nextCursor === null) return all;
      cursor = answer.nextCursor;
      await beforeNext();
    }
  }

  beforeAll(async () => {
    test = await openTestStore();
    for (const system of ['laptop', 'robot']) {
      await test.ingest(
        system,
        TIERS.flatMap((tier, t) =>
          Array.from({ length: 9 }, (_, i) => ({
            id: `${system} ${tier} ${i}`,
            content: `zebra ${i % 2 === 0 ? 'with stripes' : 'monkeys'}, number ${i} of ${tier}`,
            daysOld: AGE[tier] + (system === 'laptop' ? i : 8 - i) / 100,
            kind: 'reflection' as const,
            tags: i % 3 === 0 ? ['third', `"${tier}"`] : [],
            vector: between(direction(1), direction(30 + t), i / 20),
          })),
        ),
      );
    }
  });
  afterAll(() => test.close());

  it('by time hold all with every word once, the newest first, also while they move', async () => {
    const found = (
      await pages(
        { text: 'zebra stripes', sort: 'time', limit: 4 },
        once(() => test.age()),
      )
    ).flat();
    expect(new Set(found).size).toBe(found.length);
    expect(found).toHaveLength(30);
    const { results } = await ask({ text: 'Stripes ZEBRA', sort: 'time', limit: 100 });
    expect(results.map(({ memoryId }) => memoryId)).toEqual(found);
    expect(results.map(({ createdAt }) => createdAt)).toEqual(
      results
        .map(({ createdAt }) => createdAt)
        .toSorted()
        .toReversed(),
    );
    // A word within another is none, in no tier.
    expect(ids(await ask({ text: 'monkey', sort: 'time', limit: 100 }))).toEqual([]);
    expect(ids(await ask({ text: 'monkeys', sort: 'time', limit: 100 }))).toHaveLength(24);
  });

  it('by time miss none that moves from tier to tier while they are read', async () => {
    const { store } = test;
    await test.ingest('mover', [
      { id: 'moving', content: 'the one okapi', daysOld: AGE.cold, kind: 'reflection' },
    ]);
    await test.age();
    let listed = 0;
    // A double that moves it once its new tier has been listed and its old one has not: thawed it is in no cold object that counts.
    const moving: MemoryStore = {
      ...store,
      listMatches: async (tier, ...rest) => {
        listed++;
        if (tier !== 'cold') return store.listMatches(tier, ...rest);
        if (listed <= 3) {
          await Promise.all(TIERS.slice(0, 2).map((table) => store.listMatches(table, ...rest)));
          expect(await test.thaw('mover')).toBe(1);
        }
        return store.listMatches(tier, ...rest);
      },
    };
    const context = { store: moving, embedder: undefined, timeoutMs: 20_000, clock: () => NOW };
    const answer = await search(context, { text: 'okapi', sort: 'time' });
    expect(answer.results).toMatchObject([{ memoryId: 'moving', tier: 'hot' }]);
    expect(listed).toBe(4);
    await search(context, { text: 'okapi', sort: 'time' });
    expect(listed).toBe(7);
  });

  it('by time miss none that is replaced while they are read', async () => {
    const { store } = test;
    await test.ingest('writer', [{ id: 'new', content: 'a quagga', daysOld: AGE.hot, kind: 'reflection' }]);
    let listed = 0;
    // A double whose first look finds what was there before, at a time of its own.
    const replacing: MemoryStore = {
      ...store,
      listMatches: async (...query) => {
        const found = await store.listMatches(...query);
        return ++listed > TIERS.length
          ? found
          : found.map((match) => ({ ...match, ownTime: match.ownTime + 1 }));
      },
      tiersMovedInto: () => Promise.resolve([...TIERS]),
    };
    const context = { store: replacing, embedder: undefined, timeoutMs: 20_000, clock: () => NOW };
    const answer = await search(context, { text: 'quagga', sort: 'time' });
    expect(answer.results).toMatchObject([{ memoryId: 'new', tier: 'hot' }]);
  });

  it.each([
    ['newer', AGE.hot - 1],
    ['older', AGE.cold],
  ])('by time hold once what is replaced by what is %s while its page is read', async (age, daysOld) => {
    const text = `${age} bontebok`;
    const rows = [-0.5, 0, 0.5, 1].map((plus) => ({
      id: `${age} ${plus}`,
      content: text,
      daysOld: AGE.hot + plus,
      kind: 'reflection' as const,
    }));
    await test.ingest(age, rows);
    const { store } = test;
    let fetches = 0;
    // A double that ingests the memory anew between the list of a page and its rows.
    const replacing: MemoryStore = {
      ...store,
      fetch: async (...query) => {
        if (++fetches === 2) {
          await test.ingest(age, [
            { id: `${age} 0.5`, content: `${text}, again`, daysOld, kind: 'reflection' },
          ]);
        }
        return store.fetch(...query);
      },
    };
    const context = { store: replacing, embedder: undefined, timeoutMs: 20_000, clock: () => NOW };
    const found: SearchAnswer['results'][number][] = [];
    for (let cursor: string | undefined, isLast = false; !isLast;) {
      const page = await search(context, { text, sort: 'time', limit: 2, cursor });
      found.push(...page.results);
      cursor = page.nextCursor ?? undefined;
      isLast = cursor === undefined;
    }
    expect(found.map(({ memoryId }) => memoryId).toSorted()).toEqual(rows.map(({ id }) => id).toSorted());
    expect(found.find(({ memoryId }) => memoryId === `${age} 0.5`)?.content).toBe(`${text}, again`);
  });

  it('by time are listed again where nobody can say whether something moved', async () => {
    await test.ingest('asker', [{ id: 'asked', content: 'a gerenuk', daysOld: 1, kind: 'reflection' }]);
    const { store } = test;
    let listed = 0;
    // A double of a catalog that does not answer, whose first lists are of a moment in which the memory moved.
    const silent: MemoryStore = {
      ...store,
      listMatches: async (...query) => (++listed <= TIERS.length ? [] : store.listMatches(...query)),
      lastChange: () => Promise.reject(new Error('no answer')),
    };
    const context = { store: silent, embedder: undefined, timeoutMs: 20_000, clock: () => NOW };
    const answer = await search(context, { text: 'gerenuk', sort: 'time' });
    expect(ids(answer)).toEqual(['asked']);
  });

  it('by time take a turn on the thread of scans, which nobody takes who is gone', async () => {
    const [filters, page] = [{ tiers: [...TIERS] }, { limit: 5 }];
    const gone = { signal: AbortSignal.abort() };
    await expect(test.store.listMatches('warm', ['zebra'], filters, page, gone)).rejects.toMatchObject({
      type: 'Cancelled',
    });
    expect(await test.store.listMatches('warm', ['zebra'], filters, page)).toHaveLength(5);
  });

  it('by relevance hold each once, and all that one page would', async () => {
    const text = 'zebra stripes';
    const found = await pages({ text, limit: 7 });
    expect(found.flat()).toEqual(ids(await ask({ text, limit: 1000 })));
    expect(found.flat()).toHaveLength(54);
    expect(found[0]).toHaveLength(7);
  });

  it.each([
    ['thawed', 'pangolin', ['hot', 'warm'], () => test.thaw('pangolin')],
    ['moved to cold', 'axolotl', ['cold'], () => test.age()],
  ] as const)('by relevance miss none that is %s while they are read', async (how, id, early, move) => {
    const { store } = test;
    await test.ingest(id, [{ id, content: `the one ${id}`, daysOld: AGE.cold }]);
    if (how === 'thawed') await test.age();
    let looks = 0;
    let moving: Promise<unknown> | undefined;
    // A double that moves it once its new tier has been searched and its old one has not.
    const looked = <T>(tier: Tier, look: () => Promise<T>): Promise<T> => {
      looks++;
      if ((early as readonly Tier[]).includes(tier)) return look();
      return (moving ??= sleep(200).then<unknown>(move)).then(look);
    };
    const racing: MemoryStore = {
      ...store,
      searchWords: (tier, ...rest) => looked(tier, () => store.searchWords(tier, ...rest)),
      searchVectors: (tier, ...rest) => looked(tier, () => store.searchVectors(tier, ...rest)),
    };
    const context = { store: racing, embedder: undefined, timeoutMs: 20_000, clock: () => NOW };
    const answer = await search(context, { text: id });
    expect(answer.results).toMatchObject([{ memoryId: id }]);
    expect(answer.partial).toEqual([]);
    const before = looks;
    await search(context, { text: id });
    expect(looks - before, 'nothing moves: one look').toBe(TIERS.length);
  });

  it('by relevance hold each once while rows change and come', async () => {
    const change = once(async () => {
      await test.ingest('late', [
        { id: 'late 1', content: 'zebra stripes, the best of all', daysOld: 1, vector: direction(1) },
      ]);
    });
    const found = (await pages({ text: 'zebra stripes', limit: 10 }, change)).flat();
    expect(new Set(found).size).toBe(55);
    expect(found).toHaveLength(55);
    expect(found.indexOf('late 1')).toBe(10);
  });

  it.each(['relevance', 'time'] as const)('by %s end where a filter’s do', async (sort) => {
    const filters = { text: 'zebra', sort, limit: 5, systemId: 'robot' };
    const tagged = await pages({ ...filters, tag: 'third' });
    expect(tagged.map(({ length }) => length)).toEqual([5, 4]);
    expect(await pages({ ...filters, tag: 'thir' })).toEqual([[]]);
    expect((await pages({ ...filters, tag: '"cold"' })).flat()).toHaveLength(3);
  });

  it('refuse a cursor that is not of their search', async () => {
    const request = { text: 'zebra', limit: 2 };
    const { nextCursor } = await ask(request);
    const cursor = nextCursor ?? '';
    for (const other of [
      { text: 'zebras' },
      { sort: 'time' as const },
      { systemId: 'robot' },
      { cursor: `${cursor}AAAA` },
      { cursor: cursor.slice(0, -8) },
      { cursor: '' },
      { cursor: '🚀' },
    ]) {
      await expect(ask({ ...request, cursor, ...other })).rejects.toMatchObject({
        type: 'BadRequest',
        message: expect.stringContaining('cursor must be the next_cursor of a page of this search'),
      });
    }
    // The size of a page may be another.
    expect((await ask({ ...request, cursor, limit: 30 })).results).toHaveLength(30);
  });

  it.each([
    ['time', Buffer.from('no list')],
    ['time', Buffer.from('[1, "laptop", "of no kind", "a"]')],
    ['relevance', Buffer.alloc(7)],
    ['relevance', Buffer.alloc(6 * 1000)],
  ] as const)('by %s refuse a forged cursor', (sort, body) => {
    const scope = { text: 'zebra', sort, filters: { tiers: TIERS } };
    expect(readCursor(forged(body, scope), scope)).toBe('foreign');
  });

  it('explain what ranked a result', async () => {
    const recency = { weight: 0.5, halfLifeDays: 30 };
    const context = { store: test.store, embedder, timeoutMs: 20_000, clock: () => NOW, recency };
    const { results } = await search(context, {
      text: 'zebra stripes',
      limit: 100,
      explain: true,
      snippets: true,
    });
    for (const { score, explain, createdAt, matched, snippet } of results) {
      const { vector, words, recency: factor, ageDays } = explain ?? expect.fail();
      expect(score).toBeCloseTo(((vector?.part ?? 0) + (words?.part ?? 0)) * (factor ?? 0), 10);
      expect(ageDays).toBeCloseTo((NOW - Date.parse(createdAt)) / DAY_MS, 5);
      expect(factor).toBeCloseTo(1 + 0.5 * 2 ** (-ageDays / 30), 10);
      expect(matched).toEqual([...(vector ? ['vector'] : []), ...(words ? ['words'] : [])]);
      expect(snippet?.marks.length).toBeGreaterThan(0);
    }
    const ranks = results.flatMap(({ explain }) => explain?.vector?.rank ?? []);
    expect(new Set(ranks).size).toBe(ranks.length);
    expect(Math.min(...ranks)).toBe(1);
  });

  it('prefer what is newer among those that match alike, and only among those', async () => {
    await test.ingest('twins', [
      { id: 'old', content: 'the quokka smiled', daysOld: 300 },
      { id: 'new', content: 'the quokka smiled!', daysOld: 1 },
      { id: 'better', content: 'the quokka smiled at the camera', daysOld: 600 },
    ]);
    const context = { store: test.store, embedder: undefined, timeoutMs: 20_000, clock: () => NOW };
    const preferred = { ...context, recency: { weight: 0.02, halfLifeDays: 30 } };
    expect(ids(await search(preferred, { text: 'quokka' }))[0]).toBe('new');
    expect(ids(await search(preferred, { text: 'quokka camera' }))[0]).toBe('better');
  });
});

/** As anybody can make one who has read how. */
function forged(body: Buffer, { text, sort, filters }: CursorScope): string {
  const scope = JSON.stringify([text, sort, Object.entries(filters)]);
  const check = createHash('sha256').update(scope).update('\0').update(body).digest().subarray(0, 9);
  return Buffer.concat([check, body]).toString('base64url');
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done = false;
  return async () => {
    if (done) return;
    done = true;
    await work();
  };
}
