import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { tryObjectStore } from '../../src/upload/index.js';
import { emptyStoreUrl } from '../objects/stores.js';

describe.each(['file', 's3'] as const)('a try of a %s object store', (kind) => {
  let store: ObjectStore;

  beforeEach(async () => {
    store = await openObjectStore(await emptyStoreUrl(kind));
  });

  afterEach(() => store.close());

  /** The same store, with some methods replaced by a fault. */
  function faulty(faults: Partial<ObjectStore>): ObjectStore {
    return new Proxy(store, {
      get: (target, name) => {
        const method: unknown = Reflect.get(faults, name) ?? Reflect.get(target, name);
        return typeof method === 'function' ? (method.bind(target) as unknown) : method;
      },
    });
  }

  it('succeeds, again and again, and leaves nothing behind', async () => {
    await tryObjectStore(store, 'laptop-1');
    await tryObjectStore(store, 'laptop-1');
    for await (const { objects } of store.list('')) expect(objects).toEqual([]);
  });

  it('succeeds where nothing may be deleted, also the second time', async () => {
    const denied = new AkoshaError('ObjectStoreRefused', 'no right to delete');
    const keeping = faulty({ delete: () => Promise.reject(denied) });
    await tryObjectStore(keeping, 'laptop-1');
    await tryObjectStore(keeping, 'laptop-1');
  });

  it('finds out that create-only writes replace', async () => {
    const careless = faulty({ put: (key, body) => store.put(key, body) });
    await expect(tryObjectStore(careless, 'laptop-1')).rejects.toMatchObject({
      type: 'ObjectStoreRefused',
      message: expect.stringContaining('If-None-Match') as string,
    });
  });

  it.each([
    ['put', /^writing failed: no right/],
    ['get', /^reading failed: no right/],
  ] as const)('says which step %s fails in', async (method, message) => {
    const denied = new AkoshaError('ObjectStoreRefused', 'no right');
    const refusing = faulty({ [method]: () => Promise.reject(denied) });
    await expect(tryObjectStore(refusing, 'laptop-1')).rejects.toThrow(message);
  });
});
