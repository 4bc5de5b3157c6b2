import { randomBytes, randomUUID } from 'node:crypto';
import { truncateSync } from 'node:fs';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ObjectStore, openObjectStore } from '../../src/objects/index.js';
import { collect, emptyStoreUrl, errorType, STORES, temporaryFolder } from './stores.js';

const MIB = 1024 * 1024;

describe.each(STORES)('an object store: %s', (kind) => {
  let store: ObjectStore;
  let folder: string;

  beforeAll(async () => {
    store = await openObjectStore(await emptyStoreUrl(kind));
    folder = await temporaryFolder();
  });
  afterAll(() => store.close());

  const localFile = async (content: Uint8Array | string): Promise<string> => {
    const path = join(folder, randomUUID());
    await writeFile(path, content);
    return path;
  };

  it('says its check passes', async () => {
    expect(await errorType(store.check())).toBe('none');
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['text', Buffer.from('one line\n')],
    ['Unicode', Buffer.from('Ελληνικά, 日本語, 🦉')],
    ['every byte', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
    ['a mebibyte of noise', randomBytes(MIB)],
  ])('gives back a body: %s', async (name, body) => {
    const key = `bodies/${name}`;
    await store.put(key, body);
    expect((await store.get(key)).equals(body)).toBe(true);
    expect(await store.head(key)).toMatchObject({ key, size: body.length });

    const copy = join(folder, randomUUID());
    expect(await store.getFile(key, copy)).toBe(body.length);
    expect((await readFile(copy)).equals(body)).toBe(true);
  });

  it('takes a string as UTF-8', async () => {
    await store.put('string', 'größer', { contentType: 'text/plain; charset=utf-8' });
    expect((await store.get('string')).toString()).toBe('größer');
  });

  it('dates an object by its put', async () => {
    const before = Date.now();
    await store.put('dated', 'x');
    const modified = (await store.head('dated'))?.modifiedAt.getTime() ?? 0;
    // Servers keep whole seconds, and file systems the time of the last clock tick.
    expect(modified).toBeGreaterThan(before - 2000);
    expect(modified).toBeLessThan(Date.now() + 2000);
  });

  it.each([
    'cold/system=host-1/year=2026/month=03/7-12-0123456789abcdef.parquet',
    'inbox/01JD0000000000000000000000@host-1',
    'with space/and+plus/and%percent/and%2F.txt',
    "quotes'and&amp<angles>/(x)!*~$,;:?#[].txt",
    'Ünïcode/日本語/🦉.bin',
    `long/${'x'.repeat(200)}`,
  ])('takes the key %s', async (key) => {
    await store.put(key, key);
    expect((await store.get(key)).toString()).toBe(key);
    const pages = await collect(store.list(key));
    expect(pages.flatMap(({ objects }) => objects).map((found) => found.key)).toEqual([key]);
    await store.delete([key]);
    expect(await store.head(key)).toBeUndefined();
  });

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    '../escape',
    'a/./b',
    'a\\b',
    'a\0b',
    'a\nb',
    '.tmp/x',
  ])('refuses the key %j', async (key) => {
    expect(await errorType(store.put(key, 'x'))).toBe('BadRequest');
    expect(await errorType(store.get(key))).toBe('BadRequest');
    expect(await errorType(store.head(key))).toBe('BadRequest');
    expect(await errorType(store.delete([key]))).toBe('BadRequest');
    expect(await errorType(store.getFile(key, join(folder, 'never')))).toBe('BadRequest');
  });

  it('replaces an object', async () => {
    await store.put('replaced', 'first, and longer');
    await store.put('replaced', 'second');
    expect((await store.get('replaced')).toString()).toBe('second');
    await store.putFile('replaced', await localFile('third'));
    expect((await store.get('replaced')).toString()).toBe('third');
  });

  it('puts a file that could be resumed as any other, and has nothing abandoned', async () => {
    const path = await localFile('content');
    const resume = { onUploadId: () => expect.unreachable('a small file has no parts') };
    expect(await store.putFile('resumable', path, { resume, stallMs: 30_000 })).toEqual({ bytesSent: 7 });
    expect((await store.get('resumable')).toString()).toBe('content');
    expect(await store.abortStaleUploads('', 0, new Set())).toBe(0);
    expect(await errorType(store.abortStaleUploads('../', 0, new Set()))).toBe('BadRequest');
    expect(await errorType(store.putFile('resumable', path, { resume, createOnly: true }))).toBe(
      'BadRequest',
    );
  });

  it('keeps the first of two create-only puts', async () => {
    await store.put('once', 'first', { createOnly: true });
    expect(await errorType(store.put('once', 'second', { createOnly: true }))).toBe('ObjectExists');
    expect(await errorType(store.putFile('once', await localFile('third'), { createOnly: true }))).toBe(
      'ObjectExists',
    );
    expect((await store.get('once')).toString()).toBe('first');
  });

  it('lets one of twenty racing create-only puts win', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, racer) =>
        errorType(store.put('race', `racer ${racer}`, { createOnly: true })),
      ),
    );
    expect(results.filter((result) => result === 'none')).toHaveLength(1);
    expect(results.filter((result) => result === 'ObjectExists')).toHaveLength(19);
    expect((await store.get('race')).toString()).toBe(`racer ${results.indexOf('none')}`);
  });

  it('lets one of five racing create-only files larger than a part win', async () => {
    const files = await Promise.all(
      Array.from({ length: 5 }, async (_, racer) => {
        const path = await localFile(`racer ${racer}`);
        await truncate(path, 6 * MIB);
        return path;
      }),
    );
    const results = await Promise.all(
      files.map((path) => errorType(store.putFile('race-of-files', path, { createOnly: true }))),
    );
    expect([...results].sort()).toEqual([...Array<string>(4).fill('ObjectExists'), 'none']);
    const won = await store.get('race-of-files');
    expect(won.length).toBe(6 * MIB);
    expect(won.subarray(0, 7).toString()).toBe(`racer ${results.indexOf('none')}`);
  });

  it('says what is missing', async () => {
    expect(await errorType(store.get('missing/object'))).toBe('ObjectNotFound');
    expect(await store.head('missing/object')).toBeUndefined();
    expect(await errorType(store.getFile('missing/object', join(folder, 'missing')))).toBe('ObjectNotFound');
    expect(await readdir(folder)).not.toContain('missing');
    expect(await errorType(store.putFile('never', join(folder, 'missing')))).toBe('BadRequest');
    expect(await store.head('never')).toBeUndefined();
  });

  it('does not store a file that becomes shorter meanwhile', async () => {
    const path = await localFile(Buffer.alloc(24 * MIB));
    // Whole and in parts: two ways of S3.
    for (const createOnly of [true, false]) {
      await truncate(path, 24 * MIB);
      const onProgress = (): void => truncateSync(path, MIB);
      expect(await errorType(store.putFile('torn', path, { createOnly, onProgress }))).toBe('SnapshotTorn');
      expect(await store.head('torn')).toBeUndefined();
    }
  });

  it('names the key in an error', async () => {
    await expect(store.get('missing/named')).rejects.toThrow('missing/named');
  });

  it('refuses an object of too many bytes and leaves no file of it', async () => {
    await store.put('sized', 'x'.repeat(100));
    expect((await store.get('sized', { maxBytes: 100 })).length).toBe(100);
    expect(await errorType(store.get('sized', { maxBytes: 99 }))).toBe('UploadUnreadable');
    const target = await temporaryFolder();
    expect(await errorType(store.getFile('sized', join(target, 'copy'), { maxBytes: 99 }))).toBe(
      'UploadUnreadable',
    );
    expect(await readdir(target)).toEqual([]);
  });

  it('keeps an older copy when fetching a newer one fails', async () => {
    await store.put('newer', 'x'.repeat(100));
    const target = await temporaryFolder();
    const copy = join(target, 'copy');
    await writeFile(copy, 'older');
    expect(await errorType(store.getFile('newer', copy, { maxBytes: 99 }))).toBe('UploadUnreadable');
    expect(await readFile(copy, 'utf8')).toBe('older');
    await store.getFile('newer', copy);
    expect(await readFile(copy, 'utf8')).toBe('x'.repeat(100));
    expect(await readdir(target)).toEqual(['copy']);
  });

  it('reports a local folder that is not there as a fault of this machine', async () => {
    await store.put('fetched', 'x');
    const type = await errorType(store.getFile('fetched', join(folder, 'no', 'such', 'folder')));
    expect(type).toBe('ObjectStoreUnavailable');
  });

  it('deletes what exists and passes over what does not', async () => {
    await store.put('gone/a', 'x');
    await store.put('gone/b', 'x');
    await store.delete(['gone/a', 'gone/missing', 'gone/a', 'never/was']);
    expect(await store.head('gone/a')).toBeUndefined();
    expect(await store.head('gone/b')).toBeDefined();
    await store.delete([]);
  });

  it('deletes nothing when one of the keys is against the rule', async () => {
    await store.put('kept', 'x');
    expect(await errorType(store.delete(['kept', '../kept']))).toBe('BadRequest');
    expect(await store.head('kept')).toBeDefined();
  });

  it('deletes 1,500 objects at once', async () => {
    const keys = Array.from({ length: 1500 }, (_, number) => `many/${number % 7}/${number}`);
    for (let start = 0; start < keys.length; start += 50) {
      await Promise.all(keys.slice(start, start + 50).map((key) => store.put(key, '')));
    }
    const count = async (): Promise<number> =>
      (await collect(store.list('many/'))).flatMap(({ objects }) => objects).length;
    expect(await count()).toBe(1500);
    await store.delete(keys);
    expect(await count()).toBe(0);
  });

  it('does nothing for a caller who has given up already', async () => {
    const signal = AbortSignal.abort();
    expect(await errorType(store.put('given-up', 'x', { signal }))).toBe('Cancelled');
    expect(await errorType(store.get('given-up', { signal }))).toBe('Cancelled');
    expect(await errorType(store.head('given-up', { signal }))).toBe('Cancelled');
    expect(await errorType(store.delete(['given-up'], { signal }))).toBe('Cancelled');
    expect(await errorType(store.check({ signal }))).toBe('Cancelled');
    expect(await errorType(collect(store.list('', { signal })))).toBe('Cancelled');
    expect(await errorType(collect(store.listFolders('', { signal })))).toBe('Cancelled');
    expect(await store.head('given-up')).toBeUndefined();
  });
});
