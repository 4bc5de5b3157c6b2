import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ObjectStore, openObjectStore } from '../../src/objects/index.js';
import { collect, emptyStoreUrl, errorType, STORES, temporaryFolder } from './stores.js';

const MIB = 1024 * 1024;

/** Two parts of 5 MiB in flight, or the chunks of an answer, and what the collector has not taken yet. */
const MEMORY_BOUND = 112 * MIB;
const HUGE = 192 * MIB;

describe.each(STORES)('large objects: %s', (kind) => {
  let store: ObjectStore;
  let folder: string;
  /** Noise, so that a part in the wrong place shows; and not a whole number of parts. */
  let noise: string;
  /** Larger than the memory allowed. */
  let huge: string;

  beforeAll(async () => {
    store = await openObjectStore(await emptyStoreUrl(kind));
    folder = await temporaryFolder();
    noise = join(folder, 'noise');
    await writeFile(noise, randomBytes(20 * MIB + 12_345));
    huge = join(folder, 'huge');
    await (await open(huge, 'w')).close();
    await truncate(huge, HUGE);
  });
  afterAll(() => store.close());

  it.each([
    ['replacing', false],
    ['create-only', true],
  ])('carries 20 MB there and back, byte for byte: %s', async (name, createOnly) => {
    const progress: number[] = [];
    await store.putFile(name, noise, { createOnly, onProgress: (bytes) => progress.push(bytes) });
    const { size } = await stat(noise);
    expect(progress.length).toBeGreaterThan(3);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(size);
    expect(await store.head(name)).toMatchObject({ size });

    const copy = join(folder, name);
    expect(await store.getFile(name, copy)).toBe(size);
    expect(await sha256(copy)).toBe(await sha256(noise));
  });

  it('keeps a large object whose create-only put came first', async () => {
    await store.put('first', 'small');
    expect(await errorType(store.putFile('first', noise, { createOnly: true }))).toBe('ObjectExists');
    expect((await store.get('first')).toString()).toBe('small');
  });

  it('holds no more than a few parts in memory', async () => {
    const copy = join(folder, 'huge-copy');
    expect(await peakOf(() => store.putFile('huge', huge))).toBeLessThan(MEMORY_BOUND);
    expect(await peakOf(() => store.putFile('huge-once', huge, { createOnly: true }))).toBeLessThan(
      MEMORY_BOUND,
    );
    expect(await peakOf(() => store.getFile('huge', copy))).toBeLessThan(MEMORY_BOUND);
    expect((await stat(copy)).size).toBe(HUGE);
  });

  it.each([false, true])(
    'stops a put in the middle and leaves nothing: create-only %s',
    async (createOnly) => {
      const controller = new AbortController();
      const put = store.putFile('stopped', noise, {
        createOnly,
        signal: controller.signal,
        onProgress: () => controller.abort(),
      });
      expect(await errorType(put)).toBe('Cancelled');
      expect(await store.head('stopped')).toBeUndefined();
      expect(await collect(store.list('stopped'))).toEqual([]);
    },
  );

  it('stops a get in the middle and leaves no file', async () => {
    await store.putFile('fetched', huge);
    const target = await temporaryFolder();
    const controller = new AbortController();
    const get = errorType(store.getFile('fetched', join(target, 'copy'), { signal: controller.signal }));
    while ((await bytesIn(target)) === 0) await turn();
    controller.abort();
    expect(await get).toBe('Cancelled');
    expect(await readdir(target)).toEqual([]);
  });

  it('stops a get into memory', async () => {
    await store.putFile('read', noise);
    const controller = new AbortController();
    const get = errorType(store.get('read', { signal: controller.signal }));
    await turn();
    controller.abort();
    expect(await get).toBe('Cancelled');
  });
});

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function bytesIn(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** The most bytes of buffers beyond those there before, looked at every 2 ms. */
async function peakOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().arrayBuffers;
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
  }, 2);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return peak;
}
