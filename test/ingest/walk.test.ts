import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  AkoshaError,
  isAkoshaError,
  manifestKey,
  SYSTEMS_PREFIX,
  systemPrefix,
  uploadPrefix,
  type UploadRef,
  type WalkState,
} from '../../src/contract/index.js';
import { beginWalk, isWalked, walkPortion, type IngestContext } from '../../src/ingest/index.js';
import type { FolderPage, FolderPageOptions } from '../../src/objects/index.js';
import { NOW, openIngestWorld, originalId, putOriginal, type IngestWorld } from './support.js';

const SIZES = { systems: 2, uploads: 2, pages: 4 };
/** Of a store that gives as many names as it can. */
const LARGEST_PAGE = 5;
/** Far more than any of these walks takes. */
const TOO_MANY_PORTIONS = 100;

let world: IngestWorld;
let put: UploadRef[] = [];

beforeAll(async () => {
  world = await openIngestWorld();
});
afterEach(async () => {
  for (const ref of put) {
    for await (const page of world.uploads.list(uploadPrefix(ref)))
      await world.uploads.delete(page.objects.map(({ key }) => key));
  }
  put = [];
});
afterAll(() => world.close());

async function arrive(systemId: string, uploads = 1): Promise<UploadRef[]> {
  const refs = Array.from({ length: uploads }, () => ({ systemId, uploadId: originalId() }));
  for (const ref of refs) await putOriginal(world.uploads, ref, {});
  put.push(...refs);
  return refs;
}

/** Walks to the end. Each portion has the state from JSON, as another process would. Returns what each of them queued. */
async function walk(context: IngestContext): Promise<{ portions: UploadRef[][]; state: WalkState }> {
  let state = await beginWalk(context, NOW);
  const portions: UploadRef[][] = [];
  while (!isWalked(state)) {
    const portion = await walkPortion(context, parsed(state), { sizes: SIZES });
    portions.push(portion.found.added);
    ({ state } = portion);
    expect(portions.length).toBeLessThan(TOO_MANY_PORTIONS);
  }
  return { portions, state };
}

/** As an argument of an activity: it holds nothing that JSON does not. */
function parsed(state: WalkState): WalkState {
  const copy: unknown = JSON.parse(JSON.stringify(state));
  expect(copy).toEqual(state);
  return state;
}

const byId = (refs: readonly UploadRef[]): string[] => refs.map(uploadPrefix).sort();

/** The store's listing in an order that is no order of names, with cursors that say nothing, each good for so many requests. */
class OddListing {
  readonly cursors = new Map<string, { from: number; uses: number }>();
  requests = 0;
  gone = new Set<string>();
  readonly #uses: number;

  constructor(uses = Infinity) {
    this.#uses = uses;
  }

  readonly listFolderPage = async (prefix: string, options: FolderPageOptions = {}): Promise<FolderPage> => {
    this.requests += 1;
    const { folders: all } = await world.uploads.listFolderPage(prefix);
    const odd = all.filter((name) => !this.gone.has(name)).sort((a, b) => (mixed(a) < mixed(b) ? -1 : 1));
    const from = options.cursor === undefined ? 0 : this.#take(options.cursor);
    const folders = odd.slice(from, from + (options.pageSize ?? LARGEST_PAGE));
    return { folders, cursor: from + folders.length < odd.length ? this.#give(from + folders.length) : null };
  };

  #give(from: number): string {
    const cursor = `cursor-${this.cursors.size}`;
    this.cursors.set(cursor, { from, uses: this.#uses });
    return cursor;
  }

  #take(cursor: string): number {
    const place = this.cursors.get(cursor);
    if (place === undefined || place.uses-- <= 0) throw new AkoshaError('ListingExpired', 'injected');
    return place.from;
  }

  /** Cursors are forgotten, as by a server that was started anew. */
  expire(): void {
    this.cursors.clear();
  }
}

/** Its last letter first. */
function mixed(name: string): string {
  return [...name].reverse().join('');
}

describe('a walk in portions', () => {
  it('finds every upload once, whatever its portions, and a second one finds nothing', async () => {
    const all = (await Promise.all(['p-1', 'p-2', 'p-3', 'p-4', 'p-5'].map((id) => arrive(id)))).flat();
    const { portions, state } = await walk(world.context);
    expect(portions.length).toBeGreaterThanOrEqual(3);
    for (const added of portions) expect(added.length).toBeLessThanOrEqual(SIZES.systems);
    expect(byId(portions.flat())).toEqual(byId(all));
    expect(state).toMatchObject({ begunAt: NOW, folders: 5, seen: 5, added: 5, skipped: 0, failed: 0 });
    expect((await walk(world.context)).portions.flat()).toEqual([]);
  });

  it('lets no system with many uploads keep the others waiting', async () => {
    const many = await arrive('a-noisy', 25);
    const calm = (await Promise.all(['b', 'c', 'd', 'e'].map((id) => arrive(`calm-${id}`)))).flat();
    const { portions } = await walk(world.context);
    const flat = portions.flat();
    const lastCalm = Math.max(...calm.map((ref) => byPlace(flat, ref)));
    expect(flat.slice(0, lastCalm + 1).filter(({ systemId }) => systemId === 'a-noisy')).toHaveLength(2);
    expect(byId(flat)).toEqual(byId([...many, ...calm]));
    // Bounded also within the system.
    for (const added of portions) expect(added.length).toBeLessThanOrEqual(SIZES.pages * SIZES.uploads);
  });

  it('gives systems with many uploads turns among themselves', async () => {
    await arrive('turn-a', 6);
    await arrive('turn-b', 6);
    const { portions } = await walk(world.context);
    const systems = portions.flat().map(({ systemId }) => systemId);
    expect(systems.slice(4, 8).sort()).toEqual(['turn-a', 'turn-a', 'turn-b', 'turn-b']);
  });

  it.each([
    ['for good', Infinity],
    ['once', 1],
    ['never again', 0],
  ])('depends on no order of the listing, where a cursor is taken %s', async (_, uses) => {
    const ids = ['o-17', 'o-22', 'o-03', 'o-91', 'o-44', 'o-58', 'o-60'];
    const all = (await Promise.all(ids.map((id) => arrive(id, 3)))).flat();
    const odd = new OddListing(uses);
    const context = world.withFaults({ listFolderPage: odd.listFolderPage });
    // Where no cursor is ever taken, only one page can be had of any listing, and the walk says so.
    if (uses === 0) {
      await expect(walk(context)).rejects.toMatchObject({ type: 'ListingExpired' });
      expect(odd.requests).toBeLessThan(50);
      return;
    }
    expect(byId((await walk(context)).portions.flat())).toEqual(byId(all));
  });

  it('goes on at its place where the store takes its cursors no more', async () => {
    const ids = ['x-17', 'x-22', 'x-03', 'x-91', 'x-44', 'x-58', 'x-60'];
    const all = (await Promise.all(ids.map((id) => arrive(id)))).flat();
    const odd = new OddListing();
    const looked: string[] = [];
    const context = world.withFaults({
      listFolderPage: (prefix, options) => {
        if (prefix !== SYSTEMS_PREFIX) looked.push(prefix);
        return odd.listFolderPage(prefix, options);
      },
    });
    let state = await beginWalk(context, NOW);
    const added: UploadRef[] = [];
    while (!isWalked(state)) {
      const portion = await walkPortion(context, state, { sizes: SIZES });
      odd.expire();
      // Not as many as the store gave where the place was looked for.
      expect(portion.state.folders - state.folders).toBeLessThanOrEqual(SIZES.systems);
      added.push(...portion.found.added);
      ({ state } = portion);
    }
    expect(byId(added)).toEqual(byId(all));
    expect(new Set(looked).size).toBe(looked.length);
  });

  it('begins anew where its place is gone as well, and gives up where that happens again and again', async () => {
    const ids = ['g-1', 'g-2', 'g-3', 'g-4', 'g-5', 'g-6', 'g-7'];
    for (const id of ids) await arrive(id);
    const odd = new OddListing();
    const context = world.withFaults({ listFolderPage: odd.listFolderPage });
    const portionOf = async (state: WalkState): Promise<WalkState> => {
      const { state: next } = await walkPortion(context, state, { sizes: SIZES });
      odd.expire();
      if (next.systems !== null && next.systems !== 'start') odd.gone.add(next.systems.after ?? '');
      return next;
    };
    let state = await portionOf(await beginWalk(context, NOW));
    state = await portionOf(state);
    expect(state).toMatchObject({ folders: 4, systems: { restarts: 1 } });
    let error: unknown;
    for (let n = 0; n < ids.length && error === undefined; n++) {
      if (isWalked(state)) break;
      state = await portionOf(state).catch((fault: unknown) => ((error = fault), state));
    }
    // Seven folders, of which one goes with each portion: it ends either way, and is never told to be complete where it is not.
    expect(isWalked(state) || isAkoshaError(error, 'ListingExpired')).toBe(true);
  });

  it.each(['ObjectStoreRefused', 'ListingExpired'] as const)(
    'leaves out a system whose listing alone fails for good, and no other: %s',
    async (type) => {
      const good = (await Promise.all(['l-1', 'l-3', 'l-4'].map((id) => arrive(id)))).flat();
      await arrive('l-2');
      const context = world.withFaults({
        listFolderPage: (prefix, options) =>
          prefix === systemPrefix('l-2')
            ? Promise.reject(new AkoshaError(type, 'injected'))
            : world.uploads.listFolderPage(prefix, options),
      });
      const { portions, state } = await walk(context);
      expect(byId(portions.flat())).toEqual(byId(good));
      expect(state).toMatchObject({ added: 3, failed: 1, skipped: 0, fault: { type, message: 'injected' } });
    },
  );

  it('leaves out no system where the store grants no listing at all', async () => {
    const uploads = await arrive('m-1', 3);
    let granted = true;
    const context = world.withFaults({
      listFolderPage: (prefix, options) =>
        granted
          ? world.uploads.listFolderPage(prefix, options)
          : Promise.reject(new AkoshaError('ObjectStoreRefused', 'injected')),
    });
    let { state } = await walkPortion(context, await beginWalk(context, NOW), { sizes: SIZES });
    expect(state).toMatchObject({ systems: null, rest: [{ folder: 'm-1' }] });
    granted = false;
    await expect(walkPortion(context, state, { sizes: SIZES })).rejects.toMatchObject({
      type: 'ObjectStoreRefused',
    });
    granted = true;
    ({ state } = await walkPortion(context, state, { sizes: SIZES }));
    expect(state).toMatchObject({ added: uploads.length, failed: 0, rest: [] });
  });

  it('raises at its end, and not before, where nothing that is new can be read', async () => {
    const [first, second, third] = (
      await Promise.all(['f-1', 'f-2', 'f-3'].map((id) => arrive(id)))
    ).flat() as [UploadRef, UploadRef, UploadRef];
    const refused = new Set([first, second, third].map(manifestKey));
    const context = world.withFaults({
      get: async (key, options) => {
        if (refused.has(key)) throw new AkoshaError('ObjectStoreRefused', `get ${key}: injected`);
        return world.uploads.get(key, options);
      },
    });
    let state = await beginWalk(context, NOW);
    ({ state } = await walkPortion(context, state, { sizes: SIZES }));
    expect(state).toMatchObject({ failed: 2, read: 0 });
    await expect(walkPortion(context, state, { sizes: SIZES })).rejects.toMatchObject({
      type: 'ObjectStoreRefused',
      message: expect.stringContaining('injected'),
    });
    refused.delete(manifestKey(third));
    expect((await walkPortion(context, state, { sizes: SIZES })).found.added).toEqual([third]);
  });
});

function byPlace(refs: readonly UploadRef[], wanted: UploadRef): number {
  return refs.findIndex((ref) => uploadPrefix(ref) === uploadPrefix(wanted));
}
