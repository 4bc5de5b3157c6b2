import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ListOptions, type ObjectStore, openObjectStore } from '../../src/objects/index.js';
import { collect, emptyStoreUrl, errorType, STORES } from './stores.js';

const INBOX = Array.from({ length: 250 }, (_, number) => `inbox/${String(number).padStart(26, '0')}@host`);
const SHAPES = ['a/1', 'a/2/x', 'a/2/y/z', 'a-b/1', 'a.x', 'ab', 'b', 'é/1', '\u{FF61}/1', '🦉/1'];
const HOSTS = ['host-1', 'host-10', 'host-2', 'host.1', 'host_1'];

describe.each(STORES)('listing: %s', (kind) => {
  let store: ObjectStore;

  beforeAll(async () => {
    store = await openObjectStore(await emptyStoreUrl(kind));
    const hosts = HOSTS.flatMap((host) => [`systems/${host}/uploads/1/f`, `systems/${host}/uploads/2/f`]);
    const all = [...INBOX, ...SHAPES.map((key) => `shapes/${key}`), ...hosts, 'systems/readme'];
    for (let start = 0; start < all.length; start += 50) {
      await Promise.all(all.slice(start, start + 50).map((key) => store.put(key, key)));
    }
  });
  afterAll(() => store.close());

  const pages = async (prefix: string, options?: ListOptions): Promise<string[][]> =>
    (await collect(store.list(prefix, options))).map(({ objects }) => objects.map(({ key }) => key));
  const keys = async (prefix: string, options?: ListOptions): Promise<string[]> =>
    (await pages(prefix, options)).flat();

  it('is complete over several pages, in order for keys of one shape', async () => {
    const found = await pages('inbox/', { pageSize: 100 });
    expect(found.map((page) => page.length)).toEqual([100, 100, 50]);
    expect(found.flat()).toEqual(INBOX);
  });

  it('tells size and time', async () => {
    const [page] = await collect(store.list('shapes/a.x'));
    expect(page?.objects).toEqual([{ key: 'shapes/a.x', size: 10, modifiedAt: expect.any(Date) as Date }]);
  });

  it('finds keys of every shape, each once', async () => {
    expect((await keys('shapes/', { pageSize: 2 })).sort()).toEqual(
      SHAPES.map((key) => `shapes/${key}`).sort(),
    );
  });

  it('gives the same order each time', async () => {
    expect(await keys('', { pageSize: 7 })).toEqual(await keys(''));
  });

  it('resumes after any key without loss or double', async () => {
    for (const index of [0, 1, 99, 100, 248]) {
      const startAfter = INBOX[index] ?? '';
      expect(await keys('inbox/', { startAfter, pageSize: 60 })).toEqual(INBOX.slice(index + 1));
    }
    expect(await keys('inbox/', { startAfter: INBOX.at(-1) ?? '' })).toEqual([]);
  });

  it('resumes after a key that is not there', async () => {
    const startAfter = `${INBOX[99] ?? ''}~`;
    expect(await keys('inbox/', { startAfter })).toEqual(INBOX.slice(100));
  });

  it.each([
    ['shapes/a', ['a/1', 'a/2/x', 'a/2/y/z', 'a-b/1', 'a.x', 'ab']],
    ['shapes/a/', ['a/1', 'a/2/x', 'a/2/y/z']],
    ['shapes/a/2', ['a/2/x', 'a/2/y/z']],
    ['shapes/a-', ['a-b/1']],
    ['shapes/é', ['é/1']],
    ['shapes/nothing/', []],
  ])('takes the prefix %s, which need not end at a folder', async (prefix, expected) => {
    expect((await keys(prefix)).sort()).toEqual(expected.map((key) => `shapes/${key}`).sort());
  });

  it('may be left early', async () => {
    for await (const page of store.list('inbox/', { pageSize: 10 })) {
      expect(page.objects).toHaveLength(10);
      break;
    }
  });

  it('names the folders under a prefix, each once', async () => {
    const found = await collect(store.listFolders('systems/', { pageSize: 2 }));
    expect(found.flat().sort()).toEqual(HOSTS.map((host) => `${host}/`).sort());
    expect((await collect(store.listFolders(''))).flat().sort()).toEqual(['inbox/', 'shapes/', 'systems/']);
    expect((await collect(store.listFolders('systems/host-1/'))).flat()).toEqual(['uploads/']);
    expect((await collect(store.listFolders('nothing/'))).flat()).toEqual([]);
  });

  it('resumes after any folder without loss or double', async () => {
    const all = (await collect(store.listFolders('systems/'))).flat();
    for (const [index, startAfter] of all.entries()) {
      const rest = (await collect(store.listFolders('systems/', { startAfter, pageSize: 2 }))).flat();
      expect(rest).toEqual(all.slice(index + 1));
    }
  });

  it('gives folders page by page, each by the cursor of the one before, in a process of its own', async () => {
    const found: string[] = [];
    let cursor: string | null | undefined;
    for (let pages = 0; cursor !== null && pages < 10; pages++) {
      const page = await store.listFolderPage('systems/', {
        pageSize: 2,
        ...(cursor === undefined ? {} : { cursor }),
      });
      expect(page.folders.length).toBeLessThanOrEqual(2);
      found.push(...page.folders);
      ({ cursor } = page);
    }
    expect(cursor).toBeNull();
    expect(found.sort()).toEqual(HOSTS.map((host) => `${host}/`).sort());
    expect(await store.listFolderPage('nothing/')).toEqual({ folders: [], cursor: null });
  });

  it('stops for a caller who gives up between pages', async () => {
    const controller = new AbortController();
    const listing = async (): Promise<void> => {
      for await (const page of store.list('inbox/', { pageSize: 10, signal: controller.signal })) {
        expect(page.objects[0]?.key).toBe(INBOX[0]);
        controller.abort();
      }
    };
    expect(await errorType(listing())).toBe('Cancelled');
  });

  it.each(['/a', 'a//', '../', 'a/../b', 'a\\'])('refuses the prefix %j', async (prefix) => {
    expect(await errorType(keys(prefix))).toBe('BadRequest');
    expect(await errorType(collect(store.listFolders(prefix)))).toBe('BadRequest');
  });

  it('refuses folders under half a segment', async () => {
    expect(await errorType(collect(store.listFolders('systems/ho')))).toBe('BadRequest');
  });
});
