import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { type ObjectStore, openObjectStore } from '../../src/objects/index.js';
import { S3ObjectStore } from '../../src/objects/s3.js';
import { partSizeFor } from '../../src/objects/s3-parts.js';
import {
  collect,
  errorType,
  locationOf,
  s3Url,
  temporaryFolder,
  unfinishedUploads,
  useS3Credentials,
} from './stores.js';

const MIB = 1024 * 1024;

describe('a bucket of objects', () => {
  const opened: ObjectStore[] = [];
  const open = async (url: string): Promise<ObjectStore> => {
    const store = await openObjectStore(url);
    opened.push(store);
    return store;
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
    useS3Credentials();
  });

  it('keeps to the prefix of its URL', async () => {
    const url = s3Url();
    const outer = await open(url);
    const inner = await open(url.replace('?', '/inner%20place?'));
    await inner.put('a/b', 'x');
    await outer.put('outside', 'x');
    expect((await outer.get('inner place/a/b')).toString()).toBe('x');
    const found = (await collect(inner.list(''))).flatMap(({ objects }) => objects);
    expect(found.map(({ key }) => key)).toEqual(['a/b']);
    expect((await collect(inner.listFolders(''))).flat()).toEqual(['a/']);
    await inner.delete(['a/b', 'outside']);
    expect(await outer.head('outside')).toBeDefined();
  });

  it('works with a CRC in every request and answer', async () => {
    const store = await open(s3Url({ checksums: 'supported' }));
    const path = join(await temporaryFolder(), 'noise');
    const noise = randomBytes(11 * MIB);
    await writeFile(path, noise);
    await store.put('small', 'x', { createOnly: true });
    await store.putFile('large', path, { createOnly: true });
    expect((await store.get('small')).toString()).toBe('x');
    expect((await store.get('large')).equals(noise)).toBe(true);
    expect(await errorType(store.putFile('large', path, { createOnly: true }))).toBe('ObjectExists');
    await store.delete(['small', 'large']);
  });

  it('leaves no parts behind when the caller gives up or another was first', async () => {
    const url = s3Url();
    const store = await open(url);
    const path = join(await temporaryFolder(), 'noise');
    await writeFile(path, randomBytes(16 * MIB));
    const controller = new AbortController();
    const { signal } = controller;
    expect(await errorType(store.putFile('a', path, { signal, onProgress: () => controller.abort() }))).toBe(
      'Cancelled',
    );
    // Larger than one request may be, so that it goes in parts; the key is free when it begins and taken when it ends.
    const inParts = new S3ObjectStore(locationOf(url), {}, { maxWhole: 5 * MIB });
    opened.push(inParts);
    let taken: Promise<void> | undefined;
    const onProgress = (): void => void (taken ??= store.put('b', 'first'));
    expect(await errorType(inParts.putFile('b', path, { createOnly: true, onProgress }))).toBe(
      'ObjectExists',
    );
    await taken;
    expect((await store.get('b')).toString()).toBe('first');
    expect(await unfinishedUploads(locationOf(url))).toEqual([]);
  });

  it('says quickly that nothing listens at the endpoint', async () => {
    const store = await open(s3Url({ endpoint: `http://127.0.0.1:${await freePort()}` }));
    const begun = Date.now();
    expect(await errorType(store.check())).toBe('ObjectStoreUnavailable');
    expect(await errorType(store.put('x', 'y'))).toBe('ObjectStoreUnavailable');
    expect(await errorType(store.get('x'))).toBe('ObjectStoreUnavailable');
    expect(await errorType(store.head('x'))).toBe('ObjectStoreUnavailable');
    expect(await errorType(store.delete(['x']))).toBe('ObjectStoreUnavailable');
    expect(await errorType(collect(store.list('')))).toBe('ObjectStoreUnavailable');
    expect(Date.now() - begun).toBeLessThan(5000);
  });

  it.each([
    ['an unknown key', { AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN', AWS_SECRET_ACCESS_KEY: 'hunter2hunter2' }],
    ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'hunter2hunter2' }],
  ])('is refused with %s, and repeats no credentials', async (_, environment) => {
    const store = await open(s3Url());
    Object.assign(process.env, environment);
    for (const call of [() => store.check(), () => store.put('x', 'y'), () => store.head('x')]) {
      const error: unknown = await call().catch((raised: unknown) => raised);
      if (!(error instanceof AkoshaError)) throw new Error('no AkoshaError');
      expect(error.type).toBe('ObjectStoreRefused');
      expect(error.message).toContain('AKOSHA_OBJECT_STORE');
      const told = `${error.message} ${JSON.stringify(error)} ${JSON.stringify(error.cause)}`;
      expect(told).not.toContain('hunter2');
      expect(told).not.toContain('AKIA');
    }
  });

  it('is refused for a bucket that is not there', async () => {
    const store = await open(s3Url().replace(inject('s3').bucket, 'no-such-bucket-here'));
    expect(await errorType(store.check())).toBe('ObjectStoreRefused');
    expect(await errorType(store.get('x'))).toBe('ObjectStoreRefused');
    await expect(store.get('x')).rejects.toThrow('no-such-bucket-here');
  });
});

it('makes parts larger for a file of more than 10,000', () => {
  const least = 8 * MIB;
  expect(partSizeFor(10_000 * least, least)).toBe(least);
  expect(partSizeFor(10_000 * least + 1, least)).toBe(9 * MIB);
  const largest = 5 * 1024 * 1024 * MIB;
  expect(Math.ceil(largest / partSizeFor(largest, least))).toBeLessThanOrEqual(10_000);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
