import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Bandwidth } from '../../src/objects/bandwidth.js';
import type { ObjectStoreOptions, S3Location } from '../../src/objects/index.js';
import { S3ObjectStore } from '../../src/objects/s3.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { errorType, s3Location, temporaryFolder, unfinishedUploads } from './stores.js';

const MIB = 1024 * 1024;

describe('the pace of a put', () => {
  let proxy: FaultProxy;
  let place: S3Location;
  let file: string;
  let content: Buffer;
  const opened: S3ObjectStore[] = [];

  beforeEach(async () => {
    proxy = await startFaultProxy(inject('s3').endpoint);
    place = s3Location({ endpoint: proxy.url });
    content = randomBytes(11 * MIB);
    file = join(await temporaryFolder(), 'file');
    await writeFile(file, content);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
    await proxy.close();
  });

  const open = (options: ObjectStoreOptions): S3ObjectStore => {
    const store = new S3ObjectStore(place, options);
    opened.push(store);
    return store;
  };
  const secondsFor = async (work: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now();
    await work();
    return (performance.now() - begun) / 1000;
  };

  it.each([
    ['a file in parts', 11, (store: S3ObjectStore) => store.putFile('a', file, { resume: {} })],
    ['a file in one request', 11, (store: S3ObjectStore) => store.putFile('a', file, { createOnly: true })],
    [
      'two at once',
      22,
      (store: S3ObjectStore) => Promise.all([store.putFile('a', file), store.putFile('b', file)]),
    ],
  ] as const)('keeps to the bandwidth, all parts together: %s', async (_, mib, put) => {
    const store = open({ bytesPerSecond: 8 * MIB });
    const seconds = await secondsFor(() => put(store));
    expect(seconds).toBeGreaterThan((mib / 8) * 0.9);
    expect(seconds).toBeLessThan(mib / 8 + 2);
    expect((await store.get('a')).equals(content)).toBe(true);
  });

  it('limits small bodies too', async () => {
    const store = open({ bytesPerSecond: 100_000 });
    const small = Buffer.alloc(20_000);
    const seconds = await secondsFor(() =>
      Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => store.put(key, small))),
    );
    expect(seconds).toBeGreaterThan(0.8);
    expect((await store.get('e')).equals(small)).toBe(true);
  });

  it('tells progress within a part', async () => {
    const store = open({ bytesPerSecond: 8 * MIB });
    const told: number[] = [];
    await store.putFile('a', file, { onProgress: (bytes) => void told.push(bytes) });
    expect(told.length).toBeGreaterThan(50);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.at(-1)).toBe(content.length);
  });

  it('is not too slow as long as something moves, however little', async () => {
    const store = open({ bytesPerSecond: 8 * MIB });
    expect(await errorType(store.putFile('a', file, { stallMs: 400 }))).toBe('none');
  });

  it('fails a put in which nothing moves, and keeps what can be resumed', async () => {
    const store = open({});
    // A server that takes the last part and then says nothing.
    proxy.inject({ method: 'PUT', after: 2, times: 99 }, { kind: 'lose answer', by: 'silence' });
    const begun = performance.now();
    await expect(store.putFile('a', file, { resume: {}, stallMs: 600 })).rejects.toMatchObject({
      type: 'ObjectStoreUnavailable',
      message: expect.stringMatching(/nothing moved for 0\.6 s.*upload_timeout_seconds/),
    });
    expect(performance.now() - begun).toBeLessThan(5000);
    proxy.heal();
    expect(await unfinishedUploads(place)).toEqual(['a']);
    await store.putFile('a', file, { resume: {}, stallMs: 60_000 });
    expect((await store.get('a')).equals(content)).toBe(true);
    expect(await unfinishedUploads(place)).toEqual([]);
  });

  it('lets go of a wait for bandwidth when the caller gives up', async () => {
    const store = open({ bytesPerSecond: 1000 });
    const begun = performance.now();
    const caller = new AbortController();
    // Once something went out: before, the server may have begun an upload whose id nobody was told.
    const onProgress = (): void => caller.abort();
    expect(await errorType(store.putFile('a', file, { signal: caller.signal, onProgress }))).toBe(
      'Cancelled',
    );
    expect(performance.now() - begun).toBeLessThan(3000);
    expect(await unfinishedUploads(place)).toEqual([]);
  });
});

describe('a limit on bandwidth', () => {
  it.each([
    [1000, 1024],
    [200_000, 10_000],
    [100 * MIB, 64 * 1024],
  ])('of %i bytes a second is asked for in pieces of %i', (bytesPerSecond, piece) => {
    expect(new Bandwidth(bytesPerSecond).pieceBytes).toBe(piece);
  });
});
