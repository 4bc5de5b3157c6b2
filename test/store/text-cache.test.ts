import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openObjectStore } from '../../src/objects/index.js';
import { runAll } from '../../src/runtime/index.js';
import { forgetStore } from '../../src/store/embedded/forgetting.js';
import { openEngine } from '../../src/store/embedded/open-engine.js';
import { TextCache } from '../../src/store/embedded/text-cache.js';
import { VectorIndexes } from '../../src/store/embedded/vector-index/vector-indexes.js';
import { temporaryFolder } from '../reader/support.js';

const row = (rowId: number, content = 'x'.repeat(400)) => ({
  rowId,
  hash: `hash ${rowId}`,
  content,
  tags: [],
});

/** Room for 640 of them: each counts as 1,100 bytes. */
const TEN = 11_000 * 64;

describe('the texts that searches have read', () => {
  it('are there again, the least recently used gone where there is no room', () => {
    const cache = new TextCache(TEN);
    const keep = cache.opening();
    keep(Array.from({ length: 640 }, (_, rowId) => row(rowId)));
    expect(cache.get(0)).toEqual(row(0));
    keep([row(640)]);
    expect(cache.get(0)).toEqual(row(0));
    expect(cache.get(1)).toBeUndefined();
    expect(cache.get(640)).toEqual(row(640));
  });

  it('are not pushed out by one large text', () => {
    const cache = new TextCache(TEN);
    cache.opening()([row(1), row(2, 'y'.repeat(TEN / 100))]);
    expect(cache.get(1)).toEqual(row(1));
    expect(cache.get(2)).toBeUndefined();
  });

  it('are none where there is no memory for them', () => {
    const cache = new TextCache(0);
    cache.opening()([row(1)]);
    expect(cache.get(1)).toBeUndefined();
  });

  it('are not kept where they were read before all of them were cleared', () => {
    const cache = new TextCache(TEN);
    const keep = cache.opening();
    keep([row(1)]);
    cache.clear();
    keep([row(2)]);
    expect([cache.get(1), cache.get(2)]).toEqual([undefined, undefined]);
  });

  it('are gone when a forget erases what was derived', async () => {
    const folder = await temporaryFolder();
    await mkdir(path.join(folder, 'scratch', 'duckdb'), { recursive: true });
    const archive = await openObjectStore(`file://${folder}/objects`);
    const { context, opened } = await openEngine(
      {
        ...{
          dataFolder: folder,
          archive,
          memoryMb: 512,
          coldCacheBytes: 1e6,
          textCacheBytes: TEN,
          leaseMs: 1e6,
        },
        policy: { hotDays: 7, warmDays: 90, coldBatchRows: 1, coldOverdueDays: 7 },
        hashFile: () => Promise.resolve({ bytes: 0, sha256: '' }),
        now: () => 1,
      },
      () => Promise.resolve(1),
    );
    onTestFinished(() => runAll([...opened, () => archive.close()]));
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
});
