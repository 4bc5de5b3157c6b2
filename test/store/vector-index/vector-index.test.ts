import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EMBEDDING_MODEL } from '../../../src/memory/index.js';
import { quantised } from '../../../src/store/embedded/vector-index/matrix.js';
import { VectorIndex } from '../../../src/store/embedded/vector-index/vector-index.js';
import { IndexThread } from '../../../src/store/embedded/vector-index/thread.js';
import { FIRST_WAITING, type Candidate, type VectorIndexStatus } from '../../../src/store/index.js';
import { AGE, between, direction, NOW, openTestStore, type TestStore } from '../../search/support.js';
import { eventually } from '../../support/eventually.js';
import { gate } from '../../support/gate.js';

const MB = 2 ** 20;
const FILE = `${EMBEDDING_MODEL}.vectors`;

async function open(vectorIndexBytes = 64 * MB): Promise<TestStore> {
  const test = await openTestStore({ vectorIndexBytes });
  onTestFinished(() => test.close());
  return test;
}

/** Two are near: `b` to `a` by 0.7. */
const VECTORS = { a: direction(1), b: between(direction(1), direction(2), 0.5), c: direction(3) };

function memory(id: keyof typeof VECTORS, daysOld: number) {
  return { id, content: `memory ${id}`, daysOld, vector: VECTORS[id] };
}

async function ready(test: TestStore, model = EMBEDDING_MODEL): Promise<VectorIndexStatus> {
  return eventually(async () => {
    const status = (await test.store.vectorIndexes()).find((index) => index.model === model);
    if (status?.state !== 'ready' || status.waiting > 0)
      throw new Error(`the index of ${model} is not ready`);
    return status;
  });
}

async function search(
  test: TestStore,
  tier: 'hot' | 'warm',
  values = VECTORS.a,
  model = EMBEDDING_MODEL,
): Promise<Candidate[]> {
  return test.store.searchVectors(tier, { model, values }, { tiers: ['hot', 'warm'] }, 10);
}

const ids = (found: readonly Candidate[]): string[] => found.map(({ memoryId }) => memoryId);

function tombstoneOf(memoryId: string) {
  const scope = { scope: 'memory', systemId: 'host-1', kind: 'conversation', memoryId } as const;
  return { scope, requestedAt: 1 };
}

/** As the matrix of the file has it. */
function stored(vector: Float32Array): Buffer {
  return Buffer.from(Int16Array.from(quantised(vector) ?? []).buffer);
}

/** Has the next save of an index end, for who asked for it, only when it is told to. A double that injects a slow disk. */
function lateSave(): { reached: Promise<void>; end: () => void } {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  let reach = (): void => undefined;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const call = IndexThread.prototype.call;
  const spy = vi.spyOn(IndexThread.prototype, 'call').mockImplementation(async function (
    this: IndexThread,
    ...args
  ) {
    const result = await call.apply(this, args);
    if (args[0] === 'save') {
      reach();
      await ended;
    }
    return result;
  });
  onTestFinished(() => spy.mockRestore());
  return { reached, end };
}

/** Keeps indexes from reading what changed until they are released, and counts what they are asked. A double that injects a slow index. */
function holdChanges(): { searches: number; held: number; release: () => void } {
  const released = gate();
  const calls = { searches: 0, held: 0, release: released.open };
  const call = IndexThread.prototype.call;
  const spy = vi.spyOn(IndexThread.prototype, 'call').mockImplementation(async function (
    this: IndexThread,
    ...args
  ) {
    if (args[0] === 'search') calls.searches++;
    if (args[0] === 'readChanges') {
      calls.held++;
      await released.opened;
    }
    return call.apply(this, args);
  });
  onTestFinished(() => {
    released.open();
    spy.mockRestore();
  });
  return calls;
}

describe('the vector index of a store', () => {
  it('finds each memory where it is now, what was committed before the search included, and none that is gone', async () => {
    const test = await open();
    await test.ingest('host-1', [memory('a', AGE.hot), memory('b', AGE.hot)]);
    await ready(test);
    const found = await search(test, 'hot');
    expect(ids(found)).toEqual(['a', 'b']);
    expect(found.map(({ score }) => score.toFixed(3))).toEqual([
      '1.000',
      VECTORS.a.reduce((sum, x, i) => sum + x * (VECTORS.b[i] ?? 0), 0).toFixed(3),
    ]);
    await test.ingest('host-2', [memory('c', AGE.warm), memory('a', AGE.cold)]);
    expect(ids(await search(test, 'warm', VECTORS.c)).toSorted()).toEqual(['a', 'c']);
    await test.age();
    expect(ids(await search(test, 'warm', VECTORS.c))).toEqual(['c']);
    // `a` as it was, `b` with another vector, and then neither.
    await test.ingest('host-1', [
      memory('a', AGE.hot),
      { ...memory('c', AGE.hot), id: 'b', content: 'other' },
    ]);
    expect(
      (await search(test, 'hot', VECTORS.c)).map(({ memoryId, score }) => [memoryId, score > 0.9]),
    ).toEqual([
      ['b', true],
      ['a', false],
    ]);
    await test.ingest('host-1', [memory('c', AGE.hot)], { mirror: true });
    expect(ids(await search(test, 'hot'))).toEqual(['c']);
    expect(await ready(test)).toMatchObject({ rows: 2, behind: 0, reason: null });
  });

  it('is asked once where rows have merely moved, and waited for where one is new', async () => {
    const test = await open();
    await test.ingest('host-1', [memory('a', AGE.hot), memory('b', AGE.cold), memory('c', AGE.warm)]);
    await eventually(async () => expect(await ready(test)).toMatchObject({ rows: 3, behind: 0 }));
    const calls = holdChanges();
    await test.age();
    const move = await test.store.openMove(NOW + 30 * 86_400_000, 10);
    await move?.copyRows();
    await move?.verifyCopies();
    expect(await move?.commit()).toMatchObject({ moved: 1 });
    await move?.close();
    // `a` has become warm, and `b` cold.
    expect(ids(await search(test, 'warm'))).toEqual(['a', 'c']);
    expect(ids(await search(test, 'hot'))).toEqual([]);
    expect(calls.searches).toBe(2);
    await test.ingest('host-2', [memory('b', AGE.hot)]);
    const waiting = search(test, 'hot');
    await eventually(() => expect(calls.held).toBeGreaterThan(0));
    calls.release();
    expect(ids(await waiting)).toEqual(['b']);
    expect(await ready(test)).toMatchObject({ rows: 3, behind: 0 });
  });

  it('finds what came just now, whose place in its graph waits while more comes, until somebody searches', async () => {
    const test = await open();
    await ready(test);
    /** The index as soon as it has so many rows. */
    const having = (rows: number): Promise<VectorIndexStatus | undefined> =>
      eventually(async () => {
        const [status] = await test.store.vectorIndexes();
        expect(status?.rows).toBe(rows);
        return status;
      });
    await test.ingest('host-1', [memory('a', AGE.hot)]);
    expect(await having(1)).toMatchObject({ waiting: 1 });
    expect(ids(await search(test, 'hot'))).toEqual(['a']);
    let rows = 1;
    await vi.waitFor(
      async () => {
        await test.ingest(`host-${++rows}`, [memory('b', AGE.hot)]);
        expect(await having(rows)).toMatchObject({ waiting: 0 });
      },
      { timeout: 8_000, interval: 300 },
    );
  });

  it('goes on from its file, is made anew without one that can be used, and follows what came meanwhile', async () => {
    const test = await open();
    await test.ingest('host-1', [memory('a', AGE.hot), memory('b', AGE.warm)]);
    await ready(test);
    await test.reopen({ vectorIndexBytes: 0 });
    const kept = await readFile(join(test.folders.index, FILE));
    expect(await test.store.vectorIndexes()).toEqual([]);
    await test.ingest('host-1', [memory('c', AGE.hot)], { mirror: true });
    await test.reopen();
    expect(await ready(test)).toMatchObject({ rows: 1 });
    expect(ids(await search(test, 'hot'))).toEqual(['c']);
    await test.store.checkpoint();
    expect((await readFile(join(test.folders.index, FILE))).equals(kept)).toBe(false);
    await test.reopen({ vectorIndexBytes: 0 });
    await writeFile(join(test.folders.index, FILE), kept.subarray(0, kept.length - 1000));
    await test.reopen();
    expect(await ready(test)).toMatchObject({ rows: 1 });
    expect(ids(await search(test, 'hot'))).toEqual(['c']);
  });

  it('is in no file with what is forgotten, whatever was being saved when that was asked for', async () => {
    const test = await open();
    await test.ingest('host-1', [memory('a', AGE.hot), memory('b', AGE.hot)]);
    await ready(test);
    await test.store.checkpoint();
    const has = async (vector: Float32Array): Promise<boolean> =>
      (await readFile(join(test.folders.index, FILE))).includes(stored(vector));
    expect(await has(VECTORS.a)).toBe(true);
    // A save that ends late: the file is as it was before the forget.
    const late = lateSave();
    await test.ingest('host-2', [memory('c', AGE.hot)]);
    const saving = test.store.checkpoint();
    await late.reached;
    await test.store.beginForget(tombstoneOf('a'));
    const asked = vi.spyOn(VectorIndex.prototype, 'eraseGone');
    onTestFinished(() => asked.mockRestore());
    const erased = test.store.eraseDerived();
    await vi.waitFor(() => expect(asked).toHaveBeenCalled());
    late.end();
    await saving;
    await erased;
    expect([await has(VECTORS.a), await has(VECTORS.c)]).toEqual([false, true]);
  });

  it.each([
    ['off', 0],
    ['without room', 2000],
  ])('that is %s has no file once something is forgotten', async (_how, vectorIndexBytes) => {
    const test = await open();
    await test.ingest('host-1', [memory('a', AGE.hot), memory('b', AGE.hot)]);
    await ready(test);
    await test.reopen({ vectorIndexBytes: 0 });
    // One more than there is room for.
    await test.ingest('host-2', [memory('c', AGE.hot)]);
    await test.reopen({ vectorIndexBytes });
    if (vectorIndexBytes > 0)
      await eventually(async () =>
        expect(await test.store.vectorIndexes()).toMatchObject([{ state: 'full' }]),
      );
    await test.store.checkpoint();
    expect(await readdir(test.folders.index)).toEqual([FILE]);
    await writeFile(join(test.folders.index, `${FILE}.new`), 'of a process that died');
    await test.store.beginForget(tombstoneOf('a'));
    await test.store.eraseDerived();
    expect(await readdir(test.folders.index)).toEqual([]);
  });

  it('is none where there is no room for it: every vector is compared', async () => {
    const test = await open(2000);
    await test.ingest('host-1', [memory('a', AGE.hot), memory('b', AGE.hot)]);
    await eventually(async () =>
      expect(await test.store.vectorIndexes()).toMatchObject([
        { state: 'full', reason: expect.stringContaining('AKOSHA_VECTOR_INDEX_MEMORY_MB') as string },
      ]),
    );
    expect(ids(await search(test, 'hot'))).toEqual(['a', 'b']);
  });

  it('answers on where it cannot be saved, says why, and is saved once it can be', async () => {
    const test = await open();
    const saved = join(test.folders.index, FILE);
    await test.ingest('host-1', [memory('a', AGE.hot)]);
    await ready(test);
    await eventually(() => access(saved));
    await rm(saved);
    // No file can take the place of a folder: as much of a full disk as a test can have.
    await mkdir(join(saved, 'in-the-way'), { recursive: true });
    await test.ingest('host-1', [memory('b', AGE.hot)]);
    await test.store.checkpoint();
    expect(await ready(test)).toMatchObject({ rows: 2, reason: expect.stringContaining(FILE) as string });
    expect(await readdir(test.folders.index)).toEqual([FILE]);
    expect(ids(await search(test, 'hot'))).toEqual(['a', 'b']);
    await rm(saved, { recursive: true });
    await test.store.checkpoint();
    expect(await ready(test)).toMatchObject({ reason: null });
    expect(await readdir(test.folders.index)).toEqual([FILE]);
  });

  it('keeps nobody waiting, and rests, where a search finds that there is no more room', async () => {
    const test = await open(1500);
    await test.ingest('host-1', [memory('a', AGE.hot)]);
    await ready(test);
    await test.ingest('host-1', [memory('b', AGE.hot)]);
    expect(ids(await search(test, 'hot'))).toEqual(['a', 'b']);
    const states = new Set<string | undefined>();
    await eventually(async () => expect(await test.store.vectorIndexes()).toMatchObject([{ state: 'full' }]));
    for (let look = 0; look < 30; look++) {
      states.add((await test.store.vectorIndexes())[0]?.state);
      await setTimeout(10);
    }
    expect([...states]).toEqual(['full']);
  });

  it('holds vectors that the server made, and of the next model before searches go by it', async () => {
    const test = await open();
    await test.ingest('host-1', [{ id: 'a', content: 'none of its own', daysOld: AGE.hot }]);
    await test.ingest('host-1', [memory('b', AGE.hot)]);
    await ready(test);
    const keep = async (model: string, vector: Float32Array): Promise<void> => {
      const { texts } = await test.store.waitingTexts(model, FIRST_WAITING, 10);
      await test.store.keepVectors(
        model,
        texts.map(({ rowId }) => ({ rowId, vector })),
      );
    };
    await keep(EMBEDDING_MODEL, VECTORS.a);
    expect(ids(await search(test, 'hot'))).toEqual(['a', 'b']);
    await test.store.beginModelMove('m2');
    await ready(test, 'm2');
    await keep('m2', VECTORS.c);
    await eventually(async () => expect(await ready(test, 'm2')).toMatchObject({ rows: 2 }));
    expect(await test.store.finishModelMove(0)).toBe(true);
    expect((await search(test, 'hot', VECTORS.c, 'm2')).map(({ score }) => score > 0.99)).toEqual([
      true,
      true,
    ]);
    await eventually(async () => {
      expect((await test.store.vectorIndexes()).map(({ model }) => model)).toEqual(['m2']);
      expect(await readdir(test.folders.index)).toEqual(['m2.vectors']);
    });
  });
});
