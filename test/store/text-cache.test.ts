import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { moveToWarm } from '../../src/maintenance/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { forgetStore } from '../../src/store/embedded/forgetting.js';
import { TextCache } from '../../src/store/embedded/text-cache.js';
import { TextWarmUp } from '../../src/store/embedded/text-warm-up.js';
import { VectorIndexes } from '../../src/store/embedded/vector-index/vector-indexes.js';
import { temporaryFolder } from '../reader/support.js';
import { NOW, SYSTEM } from './protocol/world.js';
import { openContext, openWorld } from './support.js';

const row = (rowId: number, content = 'x'.repeat(400)) => ({
  rowId,
  hash: `hash ${rowId}`,
  content,
  tags: [],
});

/** Room for 640 of them: each counts as 700 bytes. */
const ROOM = 700 * 640;

describe('the texts that searches have read', () => {
  it('are there again, the oldest that nobody used gone where there is no room', () => {
    const cache = new TextCache(ROOM);
    const keep = cache.opening();
    keep(Array.from({ length: 640 }, (_, rowId) => row(rowId)));
    expect(cache.get(0)).toEqual(row(0));
    keep([row(640)]);
    expect(cache.get(0)).toEqual(row(0));
    expect(cache.get(1)).toBeUndefined();
    expect(cache.get(640)).toEqual(row(640));
  });

  it('follow a row that was moved to its copy, and take no more room', () => {
    const cache = new TextCache(ROOM);
    cache.opening()(Array.from({ length: 640 }, (_, rowId) => row(rowId)));
    for (let rowId = 0; rowId < 640; rowId++) cache.follow(rowId, 1000 + rowId);
    expect(cache.get(0)).toBeUndefined();
    expect(cache.get(1000)).toEqual({ ...row(0), rowId: 1000 });
    expect(cache.get(1639)).toEqual({ ...row(639), rowId: 1639 });
    // One that a search has read there already, and one that is not here.
    cache.follow(1000, 1001);
    cache.follow(1, 2);
    cache.opening()([row(5000)]);
    expect([cache.get(1001)?.rowId, cache.get(2), cache.get(5000)?.rowId]).toEqual([1001, undefined, 5000]);
  });

  it('are not pushed out by one large text', () => {
    const cache = new TextCache(ROOM);
    cache.opening()([row(1), row(2, 'y'.repeat(ROOM / 60))]);
    expect(cache.get(1)).toEqual(row(1));
    expect(cache.get(2)).toBeUndefined();
  });

  it('are none where there is no memory for them', () => {
    const cache = new TextCache(0);
    cache.opening()([row(1)]);
    expect(cache.get(1)).toBeUndefined();
  });

  it('count twice where they go beyond Latin-1', () => {
    const cache = new TextCache(ROOM);
    cache.opening()(Array.from({ length: 640 }, (_, rowId) => row(rowId, 'й'.repeat(400))));
    expect(cache.get(0)).toBeUndefined();
    expect(cache.get(639)).toBeDefined();
  });

  it('are not pushed out by those that no search asked for', () => {
    const cache = new TextCache(ROOM);
    const warm = cache.warming();
    cache.opening()([row(1)]);
    expect(warm(Array.from({ length: 300 }, (_, i) => row(1000 + i)))).toBe(true);
    expect(warm(Array.from({ length: 400 }, (_, i) => row(2000 + i)))).toBe(false);
    expect([cache.get(1), cache.get(1000), cache.get(2399)]).toEqual([row(1), row(1000), undefined]);
  });

  it('are not kept where they were read before all of them were cleared', () => {
    const cache = new TextCache(ROOM);
    const keep = cache.opening();
    keep([row(1)]);
    cache.clear();
    keep([row(2)]);
    expect([cache.get(1), cache.get(2)]).toEqual([undefined, undefined]);
    const warm = cache.warming();
    cache.clear();
    expect(warm([row(3)])).toBe(false);
    expect(cache.get(3)).toBeUndefined();
  });

  it('are gone when a forget erases what was derived', async () => {
    const folder = await temporaryFolder();
    await mkdir(path.join(folder, 'scratch', 'duckdb'), { recursive: true });
    const archive = await openObjectStore(`file://${folder}/objects`);
    const context = await openContext(folder, archive, ROOM);
    const indexes = await VectorIndexes.open(context, {
      folder: path.join(folder, 'index'),
      catalog: path.join(folder, 'store', 'catalog.db'),
      epoch: 1,
      maxBytes: 0,
    });
    context.texts.opening()([row(1)]);
    await forgetStore(context, indexes).eraseDerived();
    expect(context.texts.get(1)).toBeUndefined();
  });

  it('of hot and warm are read once the store is open, but for very long ones', async () => {
    const world = await openWorld();
    const rows = [
      ...Array.from({ length: 40 }, (_, i) => ({ id: `m${i}`, text: `text ${i}`, age: i })),
      { id: 'long', text: 'z'.repeat(20_000), age: 1 },
    ];
    await world.ingest('u1', 1, rows);
    while ((await moveToWarm(world.maintenance(), NOW)).due > 0);
    await world.store.close();
    const context = await openContext(
      world.folder,
      await openObjectStore(`file://${world.folder}/objects`),
      ROOM,
    );
    const placed = await context.catalog.read.placements(
      rows.map(({ id }) => ({ systemId: SYSTEM, kind: 'conversation', memoryId: id })),
    );
    expect(new Set(placed.map(({ tier }) => tier))).toEqual(new Set(['hot', 'warm']));
    const warmUp = new TextWarmUp(context);
    const missing = (): string[] =>
      placed.filter(({ rowId }) => context.texts.get(rowId) === undefined).map(({ memoryId }) => memoryId);
    await expect.poll(missing).toEqual(['long']);
    await warmUp.close();
  });
});
