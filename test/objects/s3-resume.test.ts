import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { ResumeOptions, S3Location } from '../../src/objects/index.js';
import { S3ObjectStore } from '../../src/objects/s3.js';
import { type FaultProxy, type SeenRequest, startFaultProxy } from '../support/fault-proxy.js';
import { errorType, s3Location, temporaryFolder, unfinishedUploads } from './stores.js';

const MIB = 1024 * 1024;

/** Six parts of 5 MiB and a short one. */
const SIZE = 30 * MIB + 12_345;
const PARTS = 7;

const KEY = 'systems/host-1/uploads/1/reflection.duckdb.gz';
const PUT_CHILD = fileURLToPath(new URL('put-child.mjs', import.meta.url));
const PART = /partNumber=/;
const UPLOADS = /[?&]uploads/;

describe('a put that is resumed', () => {
  const content = randomBytes(SIZE);
  let file: string;
  let proxy: FaultProxy;
  let place: S3Location;
  const opened: S3ObjectStore[] = [];

  beforeEach(async () => {
    file = join(await temporaryFolder(), 'file');
    await writeFile(file, content);
    proxy = await startFaultProxy(inject('s3').endpoint);
    place = s3Location({ endpoint: proxy.url });
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
    await proxy.close();
  });

  /** All of a test at one place, each with one try for a request, so that a fault is not mended by the SDK. */
  const open = (other: Partial<S3Location> = {}): S3ObjectStore => {
    const store = new S3ObjectStore({ ...place, ...other }, {}, { tries: 1 });
    opened.push(store);
    return store;
  };
  const put = (store: S3ObjectStore, resume: ResumeOptions = {}) => store.putFile(KEY, file, { resume });
  /** Begins a put that fails when `parts` of its parts are there; returns the id of its multipart upload. */
  const interrupt = async (store: S3ObjectStore, parts: number): Promise<string> => {
    proxy.inject({ method: 'PUT', path: PART, after: parts, times: 99 }, { kind: 'reset', afterBytes: MIB });
    let id = '';
    const failed = put(store, { onUploadId: (told) => void (id = told) });
    expect(await errorType(failed)).toBe('ObjectStoreUnavailable');
    proxy.heal();
    return id;
  };
  const numbersOf = (requests: readonly SeenRequest[]): number[] =>
    requests
      .filter(({ method, path }) => method === 'PUT' && PART.test(path))
      .map(({ path }) => Number(new URL(path, proxy.url).searchParams.get('partNumber')));
  /** Parts whose sender was told that they are there. Others may be too: what was on its way when the put ended. */
  const acknowledged = (): number[] => numbersOf(proxy.requests.filter(({ status }) => status === 200));
  /** Does it, and returns the numbers of the parts that it sent. */
  const partsSentBy = async (work: () => Promise<unknown>): Promise<number[]> => {
    const before = proxy.requests.length;
    await work();
    return numbersOf(proxy.requests.slice(before)).sort();
  };
  const expectWhole = async (store: S3ObjectStore): Promise<void> => {
    expect((await store.get(KEY)).equals(content)).toBe(true);
    expect(await unfinishedUploads(place)).toEqual([]);
  };

  it.each([
    ['by the id that its caller kept', 'required', true],
    ['by its key alone', 'required', false],
    ['with a SHA-256 of each part', 'supported', true],
  ] as const)('sends no part again that was acknowledged: %s', async (_, checksums, keepsId) => {
    const store = open({ checksums });
    const uploadId = await interrupt(store, 3);
    const there = acknowledged();
    expect(there.length).toBeGreaterThan(0);
    const told: string[] = [];
    const progress: number[] = [];
    let bytesSent = 0;
    const sent = await partsSentBy(async () => {
      ({ bytesSent } = await store.putFile(KEY, file, {
        resume: { ...(keepsId ? { uploadId } : {}), onUploadId: (id) => void told.push(id) },
        onProgress: (bytes) => void progress.push(bytes),
      }));
    });
    expect(sent.filter((number) => there.includes(number))).toEqual([]);
    expect(sent.length).toBeGreaterThanOrEqual(PARTS - 5);
    expect(bytesSent).toBe((sent.length - 1) * 5 * MIB + (SIZE % (5 * MIB)));
    expect(told).toEqual(keepsId ? [] : [uploadId]);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(SIZE);
    await expectWhole(store);
  });

  it('goes on where the process was killed in the middle of a part', async () => {
    proxy.inject({ method: 'PUT', path: PART, after: 3, times: 99 }, { kind: 'slow', ms: 60_000 });
    const child = spawn(process.execPath, [PUT_CHILD, place.url, KEY, file], { stdio: 'inherit' });
    const ended = once(child, 'exit');
    await expect.poll(() => proxy.seen('PUT', PART).length, { timeout: 20_000 }).toBeGreaterThan(4);
    child.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
    const there = acknowledged();
    expect(there).toHaveLength(3);
    proxy.heal();
    const store = open();
    const sent = await partsSentBy(() => put(store));
    expect(sent.filter((number) => there.includes(number))).toEqual([]);
    expect(sent).toHaveLength(PARTS - there.length);
    await expectWhole(store);
  });

  it('goes on by its id where the credentials may not list multipart uploads', async () => {
    const store = open();
    const uploadId = await interrupt(store, 3);
    proxy.inject(
      { method: 'GET', path: UPLOADS, times: 99 },
      { kind: 'answer', status: 403, code: 'AccessDenied' },
    );
    const there = acknowledged();
    const sent = await partsSentBy(() => put(store, { uploadId }));
    expect(sent.filter((number) => there.includes(number))).toEqual([]);
    await expectWhole(store);
  });

  it('begins anew where nothing tells of the parts', async () => {
    const store = open();
    await interrupt(store, 3);
    proxy.inject({ method: 'GET', path: UPLOADS }, { kind: 'answer', status: 403, code: 'AccessDenied' });
    expect(await put(store, { uploadId: 'of-another-time' })).toEqual({ bytesSent: SIZE });
    await expectWhole(store);
  });

  it('sends nothing where the key holds the file already, large or small', async () => {
    const store = open();
    await put(store);
    const small = join(await temporaryFolder(), 'small');
    await writeFile(small, 'small');
    expect(await store.putFile('small', small, { resume: {} })).toEqual({ bytesSent: 5 });
    const before = proxy.seen('PUT', /./).length;
    const progress: number[] = [];
    const again = { resume: {}, onProgress: (bytes: number) => void progress.push(bytes) };
    expect(await store.putFile(KEY, file, again)).toEqual({ bytesSent: 0 });
    expect(await store.putFile('small', small, { resume: {} })).toEqual({ bytesSent: 0 });
    expect(proxy.seen('PUT', /./)).toHaveLength(before);
    expect(progress).toEqual([SIZE]);
    // The same size is not the same content.
    await writeFile(small, 'SMALL');
    expect(await store.putFile('small', small, { resume: {} })).toEqual({ bytesSent: 5 });
    expect((await store.get('small')).toString()).toBe('SMALL');
  });

  it('replaces the parts in which the file has changed', async () => {
    const store = open();
    const uploadId = await interrupt(store, 3);
    const there = acknowledged();
    content.write('changed', ((there[0] ?? 0) - 1) * 5 * MIB + 1000);
    await writeFile(file, content);
    const sent = await partsSentBy(() => put(store, { uploadId }));
    expect(sent.filter((number) => there.includes(number))).toEqual(there.slice(0, 1));
    await expectWhole(store);
  });

  it.each([
    ['has another size', 8 * MIB, {}],
    ['is cut into larger parts', SIZE, { partSizeMb: 6 }],
  ] as const)('removes the parts of a file that %s, and begins anew', async (_, size, other) => {
    const store = open();
    const uploadId = await interrupt(store, 3);
    await truncate(file, size);
    const resumed = open(other);
    const told: string[] = [];
    await put(resumed, { uploadId, onUploadId: (id) => void told.push(id) });
    expect(told).toHaveLength(1);
    expect(told).not.toEqual([uploadId]);
    expect(proxy.seen('DELETE', new RegExp(`uploadId=${uploadId}`))).toHaveLength(1);
    expect(await unfinishedUploads(place)).toEqual([]);
  });

  it('removes its parts when the caller gives up, or keeps them for another put', async () => {
    const store = open();
    const giveUp = async (onCancel: 'abort' | 'keep'): Promise<void> => {
      const controller = new AbortController();
      const failed = store.putFile(KEY, file, {
        resume: { onCancel },
        signal: controller.signal,
        onProgress: (bytes) => bytes > 16 * MIB && controller.abort(),
      });
      expect(await errorType(failed)).toBe('Cancelled');
    };
    await giveUp('keep');
    expect(await unfinishedUploads(place)).toHaveLength(1);
    const kept = acknowledged();
    expect(kept.length).toBeGreaterThan(0);
    const sent = await partsSentBy(() => put(store));
    expect(sent.filter((number) => kept.includes(number))).toEqual([]);
    await store.delete([KEY]);
    await giveUp('abort');
    expect(await unfinishedUploads(place)).toEqual([]);
    expect(await store.head(KEY)).toBeUndefined();
  });

  it('leaves no second multipart upload where the answer to the first request was lost', async () => {
    const store = open();
    proxy.inject({ method: 'POST', path: UPLOADS }, { kind: 'lose answer', by: 'reset' });
    expect(await errorType(put(store))).toBe('ObjectStoreUnavailable');
    expect(await unfinishedUploads(place)).toHaveLength(1);
    await put(store);
    await expectWhole(store);
  });

  it('finds that it had ended where the answer to the last request was lost', async () => {
    const store = open();
    let uploadId: string | undefined;
    proxy.inject({ method: 'POST', path: /uploadId=/ }, { kind: 'lose answer', by: 'reset' });
    const failed = put(store, { onUploadId: (id) => void (uploadId = id) });
    expect(await errorType(failed)).toBe('ObjectStoreUnavailable');
    expect(await put(store, { uploadId })).toEqual({ bytesSent: 0 });
    expect(acknowledged()).toHaveLength(PARTS);
    await expectWhole(store);
  });

  it('ends well where another put of the same file was first', async () => {
    const store = open();
    await interrupt(store, 3);
    // The slower of two that go on with one multipart upload finds it gone: a zombie and its successor.
    proxy.inject({ method: 'PUT', path: PART }, { kind: 'slow', ms: 1500 });
    const slow = put(store);
    await sleep(100);
    await put(open());
    await slow;
    await expectWhole(store);
  });

  it('is refused for a create-only put', async () => {
    const store = open();
    expect(await errorType(store.putFile(KEY, file, { resume: {}, createOnly: true }))).toBe('BadRequest');
  });
});

describe('abandoned multipart uploads', () => {
  it('are removed under a prefix when they are old, but for the keys to keep', async () => {
    const place = s3Location();
    const bucket = new S3ObjectStore(place);
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, Buffer.alloc(6 * MIB));
    const keys = ['a/1', 'a/2', 'a/2x', 'b/1'];
    for (const key of keys) {
      const controller = new AbortController();
      const { signal } = controller;
      const resume = { onCancel: 'keep' as const, onUploadId: () => controller.abort() };
      expect(await errorType(bucket.putFile(key, file, { resume, signal }))).toBe('Cancelled');
    }
    expect(await bucket.abortStaleUploads('', 60_000, new Set())).toBe(0);
    expect(await unfinishedUploads(place)).toHaveLength(4);
    // Servers date them by whole seconds.
    await sleep(1000);
    expect(await bucket.abortStaleUploads('a/', 0, new Set(['a/2']))).toBe(2);
    expect(await unfinishedUploads(place)).toEqual(['a/2', 'b/1']);
    expect(await bucket.abortStaleUploads('', 0, new Set())).toBe(2);
    expect(await unfinishedUploads(place)).toEqual([]);
    await bucket.close();
  });
});
