import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { EMBEDDING_MODEL } from '../../src/memory/index.js';
import {
  Models,
  openSearch,
  VectorFiller,
  type Embedder,
  type SearchAnswer,
} from '../../src/search/index.js';
import { FIRST_WAITING, type MemoryStore } from '../../src/store/index.js';
import { temporaryFolder } from '../reader/support.js';
import { modelDirectory } from './embedding/support.js';
import { AGE, between, direction, openTestStore, type TestStore } from './support.js';

const TIERS = ['hot', 'warm', 'cold'] as const;
const OTHER = 'another-model';
const silent = { info: () => undefined, warn: () => undefined };

/** Stands in for models, so that a test says what a text means to each: nothing of it is alike between two of them. */
function standIns(meanings: Record<string, Record<string, Float32Array>>) {
  const embedded: string[] = [];
  const embedder = (model: string): Embedder => {
    const vectorOf = (text: string): Float32Array => meanings[model]?.[text] ?? direction(99);
    return {
      model,
      embed: (texts) => {
        embedded.push(...texts);
        return Promise.resolve(texts.map(vectorOf));
      },
      embedQuery: (text) => Promise.resolve(vectorOf(text)),
      close: () => Promise.resolve(),
    };
  };
  const get = (model: string): Promise<Embedder> => Promise.resolve(embedder(model));
  return { get, keepOnly: () => Promise.resolve(), embedded };
}

type StandIns = Pick<Models, 'get' | 'keepOnly'>;

function fillerOf(store: MemoryStore, models: StandIns): VectorFiller {
  return new VectorFiller({ store, models, log: silent });
}

/** Rounds until nothing is left that can be done now. */
async function fill(filler: VectorFiller): Promise<void> {
  while (await filler.round(new AbortController().signal));
}

async function opened(): Promise<TestStore> {
  const test = await openTestStore();
  onTestFinished(() => test.close());
  return test;
}

async function coldFiles(objects: string): Promise<string[]> {
  const entries = await readdir(join(objects, 'cold'), { recursive: true });
  return entries.filter((entry) => entry.endsWith('.parquet')).map((entry) => join(objects, 'cold', entry));
}

async function waiting(store: MemoryStore): Promise<Record<string, number>> {
  return Object.fromEntries((await store.vectorModels()).map((model) => [model.name, model.waiting]));
}

/** By meaning alone, with how alike each is. */
async function near(store: MemoryStore, values: Float32Array, model = EMBEDDING_MODEL) {
  const found = await Promise.all(
    TIERS.map(async (tier) => {
      const query = [tier, { model, values }, { tiers: [tier] }, 10] as const;
      const [own, made] = await Promise.all([
        store.searchVectors(...query),
        store.searchMadeVectors(...query),
      ]);
      return [...own, ...made].sort((a, b) => b.score - a.score);
    }),
  );
  return found.flatMap((candidates, i) =>
    candidates.map(({ memoryId, score }) => `${TIERS[i]} ${memoryId} ${score.toFixed(1)}`),
  );
}

describe('memories that came without a vector, and the real model', () => {
  let test: TestStore;
  let models: Models;
  const ask = (text: string): Promise<SearchAnswer> =>
    openSearch({ store: test.store, models, timeoutMs: 10_000 }).search({ text, limit: 3 });

  beforeAll(async () => {
    test = await openTestStore();
    const directory = await modelDirectory();
    models = new Models({ directoryOf: () => Promise.resolve(directory) });
    const texts = { hot: 'The kitten sleeps', warm: 'Our invoices are late', cold: 'Heavy rain flooded it' };
    await test.ingest(
      'laptop',
      TIERS.map((tier) => ({ id: tier, content: texts[tier], daysOld: AGE[tier] })),
    );
    await test.age();
  });
  afterAll(async () => {
    await models.close();
    await test.close();
  });

  it('are found by meaning in every tier once the server has made one', async () => {
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 3 });
    expect((await ask('young cat')).results).toEqual([]);
    await fill(fillerOf(test.store, models));
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 0 });
    for (const [query, tier] of [
      ['young cat', 'hot'],
      ['bills that nobody paid', 'warm'],
      ['bad weather', 'cold'],
    ]) {
      const [best] = (await ask(query ?? '')).results;
      expect(best).toMatchObject({ memoryId: tier, tier, matched: ['vector'] });
    }
  });
});

describe('the list of what waits for a vector', () => {
  it('has what came without one, and with one that was no vector; a move between tiers changes nothing', async () => {
    const test = await opened();
    const text = 'neither long enough nor whole';
    await test.ingest('laptop', [
      { id: 'own', content: 'has one', daysOld: AGE.warm, vector: direction(1) },
      {
        id: 'short',
        content: text,
        daysOld: AGE.warm,
        vector: direction(1).map((x, i) => (i === 7 ? NaN : x)),
      },
      { id: 'none', content: text, daysOld: AGE.cold },
    ]);
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 2 });
    const models = standIns({ [EMBEDDING_MODEL]: { [text]: direction(2) } });
    await fill(fillerOf(test.store, models));
    expect(models.embedded).toEqual([text, text]);
    const before = await near(test.store, direction(2));
    expect(before).toEqual(expect.arrayContaining(['warm short 1.0', 'warm none 1.0']));
    await test.age();
    expect(await near(test.store, direction(2))).toEqual(
      expect.arrayContaining(['warm short 1.0', 'cold none 1.0']),
    );
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 0 });
    expect(models.embedded).toHaveLength(2);
  });

  it('has a memory again whose text changed, and drops a vector of the text before', async () => {
    const test = await opened();
    await test.ingest('laptop', [{ id: 'm', content: 'first', daysOld: AGE.hot }]);
    const { texts } = await test.store.waitingTexts(EMBEDDING_MODEL, FIRST_WAITING, 10);
    const late = texts.map(({ rowId }) => ({ rowId, vector: direction(1) }));
    await test.store.keepVectors(EMBEDDING_MODEL, late);
    expect(await near(test.store, direction(1))).toEqual(['hot m 1.0']);
    await test.ingest('laptop', [{ id: 'm', content: 'second', daysOld: AGE.hot }]);
    expect(await near(test.store, direction(1))).toEqual([]);
    // Made of the text before, and late.
    await test.store.keepVectors(EMBEDDING_MODEL, late);
    expect(await near(test.store, direction(1))).toEqual([]);
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 1 });
  });

  it('has what is cold object by object, whatever the order that it came in, and behind what is new', async () => {
    const test = await opened();
    const cold = (i: number) => ({
      id: `m${i}`,
      content: `${i % 2 === 0 ? 'even' : 'odd'} ${i}`,
      daysOld: AGE.cold + 100 * (i % 2),
    });
    await test.ingest(
      'laptop',
      Array.from({ length: 140 }, (_, i) => cold(i)),
    );
    await test.age();
    const models = standIns({});
    const filler = fillerOf(test.store, models);
    while (models.embedded.length === 0) await filler.round(new AbortController().signal);
    await test.ingest('laptop', [{ id: 'new', content: 'new', daysOld: AGE.hot }]);
    await fill(filler);
    const objects = models.embedded.map((text) => text.split(' ')[0]);
    const changes = objects.filter((object, i) => object !== objects[i - 1]);
    expect(changes).toEqual([objects[0], 'new', objects[0], objects.at(-1)]);
    expect(models.embedded).toHaveLength(141);
  });

  it('outlives a restart between two batches: each text is read by the model once', async () => {
    const test = await opened();
    const memories = Array.from({ length: 100 }, (_, i) => ({
      id: `m${i}`,
      content: `text ${i}`,
      daysOld: AGE.hot,
    }));
    await test.ingest('laptop', memories);
    const models = standIns({});
    expect(await fillerOf(test.store, models).round(new AbortController().signal)).toBe(true);
    const first = models.embedded.length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(100);
    await test.reopen();
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 100 - first });
    await fill(fillerOf(test.store, models));
    expect(models.embedded.toSorted()).toEqual(memories.map(({ content }) => content).toSorted());
  });
});

describe('what cannot be done', () => {
  it('waits where the model is not installed, and the reason is told', async () => {
    const test = await opened();
    await test.ingest('laptop', [{ id: 'm', content: 'x', daysOld: AGE.hot }]);
    const models = new Models({ directoryOf: () => Promise.resolve(undefined) });
    const filler = fillerOf(test.store, models);
    await fill(filler);
    expect(filler.failureOf(EMBEDDING_MODEL)).toMatch(/not installed/);
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 1 });
  });

  it('is a text over which the model dies: the others of its batch get their vectors', async () => {
    const test = await opened();
    await test.ingest(
      'laptop',
      ['good', 'deadly', 'better'].map((content) => ({ id: content, content, daysOld: AGE.hot })),
    );
    const models = standIns({ [EMBEDDING_MODEL]: { good: direction(1), better: direction(1) } });
    const dying = async (name: string): Promise<Embedder> => {
      const model = await models.get(name);
      // A fault, injected.
      const embed = (texts: readonly string[]): Promise<Float32Array[]> =>
        texts.includes('deadly')
          ? Promise.reject(new AkoshaError('ModelUnavailable', 'its thread died twice'))
          : model.embed(texts);
      return { ...model, embed };
    };
    await fill(fillerOf(test.store, { ...models, get: dying }));
    expect((await near(test.store, direction(1))).toSorted()).toEqual(['hot better 1.0', 'hot good 1.0']);
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 0 });
  });

  it('is a cold text whose object is away: it waits, and what is in other tiers does not', async () => {
    const test = await opened();
    await test.ingest(
      'laptop',
      TIERS.map((tier) => ({ id: tier, content: tier, daysOld: AGE[tier] })),
    );
    await test.age();
    const { objects, cache } = test.folders;
    await rm(cache, { recursive: true, force: true });
    await rm(`${objects}/cold`, { recursive: true });
    const models = standIns({ [EMBEDDING_MODEL]: { hot: direction(1), warm: direction(1) } });
    const filler = fillerOf(test.store, models);
    await fill(filler);
    expect(models.embedded.toSorted()).toEqual(['hot', 'warm']);
    expect(filler.failureOf(EMBEDDING_MODEL)).toMatch(/cold/);
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 1 });
  });

  it('is a cold text whose object is lost: others of its batch get theirs, and a move ends without it', async () => {
    const test = await opened();
    for (const [system, content] of ['lost', 'good'].entries())
      await test.ingest(`system-${system}`, [{ id: content, content, daysOld: AGE.cold + 100 * system }]);
    await test.age();
    const { objects, cache } = test.folders;
    const files = await coldFiles(objects);
    expect(files).toHaveLength(2);
    await rm(cache, { recursive: true, force: true });
    await rm(files[0] ?? '');
    const models = standIns({});
    const filler = fillerOf(test.store, models);
    await fill(filler);
    expect(models.embedded).toHaveLength(1);
    await test.store.beginModelMove(OTHER);
    expect(await test.store.finishModelMove(1)).toBe(false);
    await fill(filler);
    expect(await test.store.modelNames()).toEqual({ current: OTHER, next: null, old: false });
    expect(await waiting(test.store)).toEqual({ [OTHER]: 1 });
    expect(filler.failureOf(OTHER)).toMatch(/cold/);
  });

  it('is what is away for a while: a move waits for it', async () => {
    const { store } = await opened();
    await store.beginModelMove(OTHER);
    const away = { reason: 'away', memories: 1, lost: false };
    const filler = fillerOf(
      { ...store, waitingTexts: () => Promise.resolve({ texts: [], faults: [away], next: null }) },
      standIns({}),
    );
    await fill(filler);
    expect(await store.modelNames()).toMatchObject({ current: EMBEDDING_MODEL, next: OTHER });
  });

  it('stops on the signal in the middle of a batch', async () => {
    const test = await opened();
    await test.ingest('laptop', [{ id: 'm', content: 'x', daysOld: AGE.hot }]);
    const stop = new AbortController();
    let begun = (): void => undefined;
    const started = new Promise<void>((resolve) => (begun = resolve));
    const models = standIns({});
    // A fault, injected: a model that hangs until it is given up.
    const hanging = async (name: string): Promise<Embedder> => ({
      ...(await models.get(name)),
      embed: (_texts, signal) => {
        begun();
        return new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => reject(new AkoshaError('Cancelled', 'given up'))),
        );
      },
    });
    const running = fillerOf(test.store, { ...models, get: hanging }).run(stop.signal);
    await started;
    stop.abort();
    await running;
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 1 });
  });
});

it('new memories that never end hold up neither a move nor the deletion of old vectors', async () => {
  const { store } = await opened();
  await store.beginModelMove(OTHER);
  const endless = {
    ...store,
    waitingTexts: (model: string) =>
      Promise.resolve(
        model === EMBEDDING_MODEL
          ? { texts: [{ rowId: 1, content: 'x' }], faults: [], next: FIRST_WAITING }
          : { texts: [], faults: [], next: null },
      ),
  };
  const filler = fillerOf(endless, standIns({}));
  for (let round = 0; round < 2; round++) await filler.round(new AbortController().signal);
  expect(await store.modelNames()).toMatchObject({ current: OTHER, next: null });
});

it('while uploads wait, four times as long as a batch took is left to them', async () => {
  const [batchMs, times] = [100, new Array<{ begun: number; ended: number }>()];
  const stop = new AbortController();
  const store: ConstructorParameters<typeof VectorFiller>[0]['store'] = {
    ...(await opened()).store,
    waitingTexts: () =>
      Promise.resolve({ texts: [{ rowId: 1, content: 'x' }], faults: [], next: FIRST_WAITING }),
    backlog: () => Promise.resolve({ uploads: 1, oldest: 0, quarantined: 0 }),
  };
  const models = standIns({});
  // A slow model, so that there is something to measure.
  const slow = async (name: string): Promise<Embedder> => ({
    ...(await models.get(name)),
    embed: async (texts) => {
      const begun = performance.now();
      await sleep(batchMs);
      times.push({ begun, ended: performance.now() });
      if (times.length === 2) stop.abort();
      return texts.map(() => direction(1));
    },
  });
  await new VectorFiller({ store, models: { ...models, get: slow }, log: silent }).run(stop.signal);
  const [first, second] = times;
  expect((second?.begun ?? 0) - (first?.ended ?? 0)).toBeGreaterThan(3.5 * batchMs);
});

describe('vectors of two models', () => {
  const texts = { mine: 'with a vector of its host', bare: 'without one' };
  const meanings = {
    [EMBEDDING_MODEL]: { [texts.mine]: direction(1), [texts.bare]: between(direction(1), direction(3), 0.3) },
    // The opposite of what the other model makes of it: compared with the wrong one, it would show.
    [OTHER]: { [texts.mine]: direction(1).map((x) => -x), [texts.bare]: direction(5) },
  };

  it('are never compared, in any tier, before, during and after a move from one to the other', async () => {
    const test = await opened();
    await test.ingest(
      'laptop',
      TIERS.flatMap((tier) => [
        { id: `mine-${tier}`, content: texts.mine, daysOld: AGE[tier], vector: direction(1) },
        { id: `bare-${tier}`, content: texts.bare, daysOld: AGE[tier] },
      ]),
    );
    await test.age();
    const models = standIns(meanings);
    const filler = fillerOf(test.store, models);
    await fill(filler);
    expect(models.embedded).toEqual([texts.bare, texts.bare, texts.bare]);
    expect(await near(test.store, direction(1), OTHER)).toEqual([]);
    const before = await near(test.store, direction(1));
    expect(before.map((found) => found.split(' ')[1])).toEqual(
      TIERS.flatMap((tier) => [`mine-${tier}`, `bare-${tier}`]),
    );

    await test.store.beginModelMove(OTHER);
    expect(await waiting(test.store)).toEqual({ [EMBEDDING_MODEL]: 0, [OTHER]: 6 });
    // While it goes on, searches by the model of before find what they found.
    expect(await near(test.store, direction(1))).toEqual(before);
    await fill(filler);
    expect(await test.store.modelNames()).toEqual({ current: OTHER, next: null, old: false });
    expect(await near(test.store, direction(5), OTHER)).toEqual(
      TIERS.flatMap((tier): unknown[] => [
        `${tier} bare-${tier} 1.0`,
        expect.stringMatching(/mine-\w+ -?0\.\d/),
      ]),
    );
    const search = openSearch({ store: test.store, models, timeoutMs: 10_000 });
    const { results, embedding } = await search.search({ text: texts.bare, limit: 1 });
    expect(results).toMatchObject([{ memoryId: 'bare-hot', matched: ['vector', 'words'] }]);
    expect(embedding.available).toBe(true);
    // Of the old model only what came from the hosts is left, and no query asks for it.
    expect((await near(test.store, direction(1))).every((found) => found.includes('mine'))).toBe(true);
  });
});

describe('a model’s folder', () => {
  it('that lacks a file is named', async () => {
    const directory = await temporaryFolder();
    await writeFile(`${directory}/model.onnx`, '');
    const models = new Models({ directoryOf: () => Promise.resolve(directory) });
    await expect(models.get(OTHER)).rejects.toMatchObject({
      type: 'ModelUnavailable',
      message: expect.stringMatching(/another-model cannot be used: .*tokenizer.json/),
    });
  });
});
