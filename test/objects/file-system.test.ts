import { mkdir, readdir, rmdir, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { isAkoshaError } from '../../src/contract/index.js';
import { type ObjectStore, openObjectStore } from '../../src/objects/index.js';
import { compareKeys } from '../../src/objects/keys.js';
import { fileError } from '../../src/objects/local-files.js';
import { collect, errorType, temporaryFolder } from './stores.js';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('a folder of objects', () => {
  let root: string;
  let store: ObjectStore;

  beforeEach(async () => {
    root = await temporaryFolder();
    store = await openObjectStore(pathToFileURL(root).href);
  });

  const keys = async (prefix = ''): Promise<string[]> =>
    (await collect(store.list(prefix, { pageSize: 2 })))
      .flatMap(({ objects }) => objects)
      .map(({ key }) => key);

  it('lists in the order of S3, by the bytes of the whole key', async () => {
    const all = ['a/1', 'a/2/x', 'a-b/1', 'a.x', 'a0', 'ab', 'z', 'é', '\u{FF61}', '🦉'];
    for (const key of all) await store.put(key, '');
    const sorted = [...all].sort(compareKeys);
    expect(sorted.slice(0, 4)).toEqual(['a-b/1', 'a.x', 'a/1', 'a/2/x']);
    // JavaScript's own order has these two the other way round.
    expect(sorted.slice(-2)).toEqual(['\u{FF61}', '🦉']);
    expect(await keys()).toEqual(sorted);
    for (const [index, startAfter] of sorted.entries()) {
      const rest = await collect(store.list('', { startAfter }));
      expect(rest.flatMap(({ objects }) => objects).map(({ key }) => key)).toEqual(sorted.slice(index + 1));
    }
  });

  it('shows no unfinished file, empty folder, link or foreign name', async () => {
    await store.put('object', 'x');
    await mkdir(join(root, 'empty', 'inner'), { recursive: true });
    await writeFile(join(root, '.tmp', 'unfinished'), 'x');
    await writeFile(join(root, 'back\\slash'), 'x');
    await symlink(join(root, 'object'), join(root, 'link'));
    expect(await keys()).toEqual(['object']);
    expect(await store.head('link')).toBeUndefined();
    expect(await errorType(store.get('link'))).toBe('ObjectNotFound');
    expect((await collect(store.listFolders(''))).flat()).toEqual(['empty/']);
  });

  it('takes emptied folders away, but not the root or a folder in use', async () => {
    await store.put('a/b/c/1', 'x');
    await store.put('a/2', 'x');
    await store.delete(['a/b/c/1']);
    expect(await readdir(join(root, 'a'))).toEqual(['2']);
    await store.delete(['a/2']);
    expect(await readdir(root)).toEqual(['.tmp']);
  });

  it('keeps every acknowledged put while deletes empty its folder', async () => {
    const rounds = 150;
    const lost: string[] = [];
    const writer = async (name: string): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        const key = `shared/deep/${name}-${round}`;
        await store.put(key, key, { createOnly: round % 2 === 0 });
        if ((await store.get(key)).toString() !== key) lost.push(key);
        await store.delete([key]);
      }
    };
    await Promise.all(['a', 'b', 'c', 'd'].map(writer));
    expect(lost).toEqual([]);
    expect(await readdir(root)).toEqual(['.tmp']);
  });

  it('does not take a folder that a delete has just emptied for an object in the way', async () => {
    const folders = ['shared', 'shared/deep', 'shared/deep/deeper'].map((name) => join(root, name)).reverse();
    let writing = true;
    const remover = async (): Promise<void> => {
      while (writing) for (const folder of folders) await rmdir(folder).catch(() => undefined);
    };
    const writer = async (name: string): Promise<void> => {
      for (let round = 0; round < 150; round += 1) {
        const key = `shared/deep/deeper/${name}-${round}`;
        await store.put(key, key, { createOnly: round % 2 === 0 });
        await unlink(join(root, key));
      }
    };
    const removing = Promise.all([remover(), remover()]);
    const written = Promise.all(['a', 'b', 'c'].map(writer));
    await written.finally(() => (writing = false));
    await removing;
  });

  it('never shows a part of an object', async () => {
    const size = 512 * 1024;
    let writing = true;
    const seen = { reads: 0, torn: 0 };
    const writer = async (): Promise<void> => {
      for (let round = 0; round < 60; round += 1) {
        await store.put('whole', (round % 2 === 0 ? 'A' : 'B').repeat(size));
        if (round % 10 === 9) await store.delete(['whole']);
      }
      writing = false;
    };
    const reader = async (): Promise<void> => {
      while (writing) {
        const info = await store.head('whole');
        if (info !== undefined && info.size !== size) seen.torn += 1;
        const body = await store.get('whole').catch((error: unknown) => {
          if (isAkoshaError(error, 'ObjectNotFound')) return undefined;
          throw error;
        });
        if (body === undefined) continue;
        seen.reads += 1;
        if (body.length !== size || !body.every((byte) => byte === body[0])) seen.torn += 1;
      }
    };
    await Promise.all([writer(), reader()]);
    expect(seen.reads).toBeGreaterThan(5);
    expect(seen.torn).toBe(0);
  });

  it('refuses a key inside another key', async () => {
    await store.put('a', 'x');
    expect(await errorType(store.put('a/b', 'x'))).toBe('ObjectStoreRefused');
    expect(await errorType(store.put('a/b/c', 'x'))).toBe('ObjectStoreRefused');
    expect(await errorType(store.get('a/b'))).toBe('ObjectNotFound');
    await store.put('c/d', 'x');
    expect(await errorType(store.put('c', 'x'))).toBe('ObjectStoreRefused');
    expect(await errorType(store.put('c', 'x', { createOnly: true }))).toBe('ObjectStoreRefused');
    expect(await errorType(store.get('c'))).toBe('ObjectNotFound');
    await store.delete(['c']);
    expect(await keys()).toEqual(['a', 'c/d']);
  });

  it('leaves nothing unfinished behind, also where a put fails', async () => {
    await store.put('taken', 'x', { createOnly: true });
    await errorType(store.put('taken', 'y', { createOnly: true }));
    await errorType(store.put('taken/inner', 'y'));
    expect(await readdir(join(root, '.tmp'))).toEqual([]);
  });

  it('clears what dead processes left a day ago, and nothing younger', async () => {
    await store.check();
    const leave = async (name: string, age: number): Promise<void> => {
      await writeFile(join(root, '.tmp', name), 'x');
      const then = new Date(Date.now() - age);
      await utimes(join(root, '.tmp', name), then, then);
    };
    await leave('dead', DAY_MS + 60_000);
    await leave('busy', DAY_MS - 60_000);
    await store.check();
    expect(await readdir(join(root, '.tmp'))).toEqual(['busy']);
  });

  it('makes its folder where it is missing, and finds nothing in one that is not there', async () => {
    const later = await openObjectStore(pathToFileURL(join(root, 'not', 'yet')).href);
    expect(await errorType(later.get('x'))).toBe('ObjectNotFound');
    expect(await collect(later.list(''))).toEqual([]);
    await later.delete(['x']);
    await later.check();
    expect((await stat(join(root, 'not', 'yet'))).isDirectory()).toBe(true);
    await later.put('x', 'y');
    expect((await later.get('x')).toString()).toBe('y');
  });

  it('refuses a root that is a file', async () => {
    await writeFile(join(root, 'file'), 'x');
    const wrong = await openObjectStore(pathToFileURL(join(root, 'file')).href);
    expect(await errorType(wrong.check())).toBe('ObjectStoreRefused');
    expect(await errorType(wrong.put('x', 'y'))).toBe('ObjectStoreRefused');
  });
});

describe('an error of the operating system', () => {
  // Injected: a full disk and a foreign owner cannot be had in a test that also runs as root.
  it.each([
    ['ENOSPC', 'DiskFull', 'no space is left for /srv/objects'],
    ['EDQUOT', 'DiskFull', 'no space is left for /srv/objects'],
    ['EIO', 'ObjectStoreUnavailable', '/srv/objects'],
    ['EMFILE', 'ObjectStoreUnavailable', '/srv/objects'],
    ['EACCES', 'ObjectStoreRefused', '/srv/objects'],
    ['EROFS', 'ObjectStoreRefused', '/srv/objects'],
    ['EOPNOTSUPP', 'ObjectStoreRefused', '/srv/objects'],
  ])('%s is %s', (code, type, message) => {
    const error = fileError(
      Object.assign(new Error(`${code}: injected`), { code }),
      'put "a/b"',
      '/srv/objects',
    );
    expect(error.type).toBe(type);
    expect(error.message).toContain(message);
    expect(error.message).toContain('put "a/b"');
  });
});
