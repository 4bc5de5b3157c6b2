import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { ColdCache } from '../../src/store/embedded/cold-cache.js';
import type { WrittenObject } from '../../src/store/index.js';
import { temporaryFolder } from '../reader/support.js';

/** How long removing a file takes. A double, because a real disk is slow only when it likes. */
const disk = vi.hoisted(() => ({ rmMs: 0 }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  const rm: typeof real.rm = async (...args) => {
    if (disk.rmMs > 0) await sleep(disk.rmMs);
    await real.rm(...args);
  };
  return { ...real, rm };
});

const BYTES = 1000;

async function hashFile(file: string): Promise<{ bytes: number; sha256: string }> {
  const content = await readFile(file);
  return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
}

/** Objects of `BYTES` each in a real store, and a cache of them. */
class Fixture {
  /** Names of the objects in the order of their downloads, and how many ran at once at most. */
  readonly downloads: string[] = [];
  most = 0;
  /** Whether a download that begins now lasts until it is given up. A fault, injected. */
  hangs = false;
  readonly cache: ColdCache;
  #running = 0;

  private constructor(
    readonly folder: string,
    readonly archive: ObjectStore,
    maxBytes: number,
  ) {
    this.cache = this.open(maxBytes);
  }

  static async create(maxBytes: number): Promise<Fixture> {
    const folder = await temporaryFolder();
    return new Fixture(folder, await openObjectStore(`file://${join(folder, 'objects')}`), maxBytes);
  }

  /** Another cache on the same folder, as after a restart. Only the download is counted; it is the store's own. */
  open(maxBytes: number): ColdCache {
    const archive = Object.create(this.archive) as ObjectStore;
    archive.getFile = async (key, file, options) => {
      this.downloads.push(key);
      this.most = Math.max(this.most, ++this.#running);
      try {
        await (this.hangs ? hang(options?.signal) : sleep(5));
        return await this.archive.getFile(key, file, options);
      } finally {
        this.#running--;
      }
    };
    return new ColdCache({ folder: join(this.folder, 'cold'), archive, maxBytes, hashFile });
  }

  async object(name: string): Promise<WrittenObject> {
    const content = Buffer.alloc(BYTES, name);
    const key = `cold/${name}`;
    await this.archive.put(key, content);
    return { name: key, bytes: BYTES, sha256: createHash('sha256').update(content).digest('hex') };
  }

  objects(count: number): Promise<WrittenObject[]> {
    return Promise.all(Array.from({ length: count }, (_, n) => this.object(`object-${n}`)));
  }

  files(): Promise<string[]> {
    return readdir(join(this.folder, 'cold'));
  }
}

function hang(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal?.addEventListener('abort', () => reject(new AkoshaError('Cancelled', 'given up'))),
  );
}

const nothing = (): Promise<void> => Promise.resolve();

async function* pagesOf(...pages: string[][]): AsyncGenerator<string[]> {
  for (const page of pages) yield await Promise.resolve(page);
}

describe('the cache of cold objects', () => {
  it('downloads an object once, for uses at once and later', async () => {
    const fixture = await Fixture.create(10 * BYTES);
    const [object] = await fixture.objects(1);
    if (object === undefined) expect.fail();
    const read = (): Promise<string[]> =>
      fixture.cache.use([object], (files) =>
        Promise.all(files.map(async (file) => (await hashFile(file)).sha256)),
      );
    expect(await Promise.all([read(), read()])).toEqual([[object.sha256], [object.sha256]]);
    expect(await read()).toEqual([object.sha256]);
    expect(fixture.downloads).toEqual([object.name]);
  });

  it('gives up a slow download on the signal, and no use that wants the same object', async () => {
    const fixture = await Fixture.create(10 * BYTES);
    const [object] = await fixture.objects(1);
    if (object === undefined) expect.fail();
    fixture.hangs = true;
    const stop = new AbortController();
    const first = fixture.cache.use([object], nothing, { signal: stop.signal });
    const given = expect(first).rejects.toMatchObject({ type: 'Cancelled' });
    const second = fixture.cache.use([object], () => Promise.resolve('read'));
    await vi.waitFor(() => expect(fixture.downloads).toHaveLength(1));
    fixture.hangs = false;
    stop.abort();
    await given;
    expect(await second).toBe('read');
  });

  it('does not wait on after the signal for a download of another use', async () => {
    const fixture = await Fixture.create(10 * BYTES);
    const [object] = await fixture.objects(1);
    if (object === undefined) expect.fail();
    fixture.hangs = true;
    void fixture.cache.use([object], nothing);
    await expect(
      fixture.cache.use([object], nothing, { signal: AbortSignal.timeout(20) }),
    ).rejects.toMatchObject({
      type: 'Cancelled',
    });
  });

  it('downloads eight at once and no more', async () => {
    const fixture = await Fixture.create(100 * BYTES);
    await fixture.cache.use(await fixture.objects(30), nothing);
    expect(fixture.downloads).toHaveLength(30);
    expect(fixture.most).toBe(8);
  });

  it('downloads what goes first before all that waits, also where another use waits for it already', async () => {
    const fixture = await Fixture.create(100 * BYTES);
    const objects = await fixture.objects(30);
    const own = await fixture.object('own');
    const last = objects.slice(-1);
    const search = fixture.cache.use(objects, nothing);
    await vi.waitFor(() => expect(fixture.downloads.length).toBeGreaterThan(0), { interval: 1 });
    await fixture.cache.use([own, ...last], nothing, { goesFirst: true });
    expect(fixture.downloads).toEqual(expect.arrayContaining([last[0]?.name, own.name]));
    expect(fixture.downloads.length).toBeLessThan(25);
    await search;
    expect(fixture.downloads).toHaveLength(31);
    expect(fixture.most).toBe(8);
  });

  it('goes on after downloads that failed', async () => {
    const fixture = await Fixture.create(100 * BYTES);
    const objects = await fixture.objects(20);
    await fixture.archive.delete(objects.slice(0, 10).map(({ name }) => name));
    await expect(fixture.cache.use(objects, nothing)).rejects.toMatchObject({ type: 'ObjectNotFound' });
    await fixture.cache.use(objects.slice(10), nothing);
    expect(await fixture.files()).toHaveLength(10);
  });

  it('drops what was used longest ago, also where a file was adopted, and knows the order after a restart', async () => {
    const fixture = await Fixture.create(2 * BYTES);
    const [first, second, third] = await fixture.objects(3);
    if (first === undefined || second === undefined || third === undefined) expect.fail();
    for (const object of [first, second, first]) {
      await fixture.cache.use([object], nothing);
      // Times of files are compared after a restart.
      await sleep(10);
    }
    const restarted = fixture.open(2 * BYTES);
    const adopted = join(fixture.folder, 'adopted');
    await writeFile(adopted, Buffer.alloc(BYTES, 'object-2'));
    await restarted.adopt(third, adopted);
    expect(await fixture.files()).toHaveLength(2);
    fixture.downloads.length = 0;
    await restarted.use([first, third], nothing);
    expect(fixture.downloads).toEqual([]);
    await restarted.use([second], nothing);
    expect(fixture.downloads).toEqual([second.name]);
  });

  it('finds of many objects those that are there, downloads what somebody deleted, and knows which were used last', async () => {
    const fixture = await Fixture.create(21 * BYTES);
    const objects = await fixture.objects(22);
    const [[first], many, [last]] = [objects.slice(0, 1), objects.slice(1, 21), objects.slice(21)];
    if (first === undefined || last === undefined) expect.fail();
    await fixture.cache.use(many, nothing);
    await fixture.cache.use([first], nothing);
    const gone = await fixture.cache.use(many, async ([file = '']) => {
      await rm(file);
      return many[0];
    });
    fixture.downloads.length = 0;
    const sizes = await fixture.cache.use(many, (files) =>
      Promise.all(files.map(async (file) => (await stat(file)).size)),
    );
    expect(sizes).toEqual(many.map(() => BYTES));
    expect(fixture.downloads).toEqual([gone?.name]);
    // That one goes, which was used before the many were again.
    await fixture.cache.use([last], nothing);
    fixture.downloads.length = 0;
    await fixture.cache.use(many, nothing);
    expect(fixture.downloads).toEqual([]);
    await fixture.cache.use([first], nothing);
    expect(fixture.downloads).toEqual([first.name]);
  });

  it('leaves the modification time of what it hands out alone, by which DuckDB knows that a file is the same', async () => {
    const fixture = await Fixture.create(10 * BYTES);
    const [object] = await fixture.objects(1);
    if (object === undefined) expect.fail();
    const modified = (): Promise<number> =>
      fixture.cache.use([object], async ([file = '']) => (await stat(file)).mtimeMs);
    // The first use downloads it.
    await modified();
    const first = await modified();
    await sleep(10);
    expect(await modified()).toBe(first);
  });

  it('without room keeps nothing but what is in use', async () => {
    const fixture = await Fixture.create(0);
    const [object, other] = await fixture.objects(2);
    if (object === undefined || other === undefined) expect.fail();
    await fixture.cache.use([object], async (files) => {
      await fixture.cache.use([other, object], nothing);
      expect(await fixture.files()).toHaveLength(1);
      for (const file of files) expect((await stat(file)).size).toBe(BYTES);
    });
    expect(await fixture.files()).toEqual([]);
    const adopted = join(fixture.folder, 'adopted');
    await writeFile(adopted, Buffer.alloc(BYTES, 'object-0'));
    await fixture.cache.adopt(object, adopted);
    expect(await fixture.files()).toEqual([]);
  });

  it('hands out no file whose eviction has begun', async () => {
    const fixture = await Fixture.create(0);
    const [object] = await fixture.objects(1);
    if (object === undefined) expect.fail();
    disk.rmMs = 20;
    onTestFinished(() => void (disk.rmMs = 0));
    let begun = (): void => undefined;
    const leaving = new Promise<void>((resolve) => (begun = resolve));
    const first = fixture.cache.use([object], () => Promise.resolve(begun()));
    await leaving;
    // By then the first use is over, and its file is being removed.
    await sleep(5);
    await fixture.cache.use([object], async ([file = '']) => {
      await sleep(2 * disk.rmMs);
      expect((await hashFile(file)).sha256).toBe(object.sha256);
    });
    await first;
    expect(fixture.downloads).toHaveLength(2);
    expect(await fixture.files()).toEqual([]);
  });

  it('keeps the objects that are named and no other, in use, on its way or left by another process', async () => {
    const fixture = await Fixture.create(10 * BYTES);
    const [named, used, coming, left] = await fixture.objects(4);
    if (named === undefined || used === undefined || coming === undefined || left === undefined)
      expect.fail();
    await fixture.open(10 * BYTES).use([named, left], nothing);
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const use = fixture.cache.use([used], () => ended);
    await vi.waitFor(async () => expect(await fixture.files()).toHaveLength(3));
    const download = fixture.cache.use([coming], nothing);
    await vi.waitFor(() => expect(fixture.downloads).toHaveLength(4));
    const removal = fixture.cache.removeOthers(() => pagesOf([named.name]));
    await download;
    await vi.waitFor(async () => expect(await fixture.files()).toHaveLength(2));
    end();
    await Promise.all([use, removal]);
    expect(await fixture.files()).toHaveLength(1);
    fixture.downloads.length = 0;
    await fixture.cache.use([named], nothing);
    expect(fixture.downloads).toEqual([]);
  });

  it('removes a file that is in use when its use is over', async () => {
    const fixture = await Fixture.create(10 * BYTES);
    const [used, free] = await fixture.objects(2);
    if (used === undefined || free === undefined) expect.fail();
    await fixture.cache.use([free], nothing);
    let removal: Promise<void> | undefined;
    await fixture.cache.use([used], async ([file = '']) => {
      removal = fixture.cache.remove([used.name, free.name]);
      await vi.waitFor(async () => expect(await fixture.files()).toHaveLength(1));
      expect((await hashFile(file)).sha256).toBe(used.sha256);
    });
    await removal;
    expect(await fixture.files()).toEqual([]);
  });

  it('begins by deleting what is not a whole cached file', async () => {
    const fixture = await Fixture.create(10 * BYTES);
    const [object] = await fixture.objects(1);
    if (object === undefined) expect.fail();
    const whole = `${'a'.repeat(64)}.parquet`;
    await mkdir(join(fixture.folder, 'cold', 'folder'), { recursive: true });
    for (const name of [whole, `${whole}.0f0e-partial`, 'unknown.parquet'])
      await writeFile(join(fixture.folder, 'cold', name), 'x');
    await fixture.cache.use([object], nothing);
    const files = await fixture.files();
    expect(files).toHaveLength(2);
    expect(files).toContain(whole);
  });
});
