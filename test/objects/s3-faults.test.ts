import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { S3Location } from '../../src/objects/index.js';
import { S3ObjectStore } from '../../src/objects/s3.js';
import {
  answer,
  type Answer,
  begun,
  completed,
  failure,
  type ScriptedServer,
  startScriptedServer,
} from './scripted-server.js';
import { collect, errorType, temporaryFolder } from './stores.js';

const MIB = 1024 * 1024;

/** Short, so that a server which says nothing is found out within the test; and small, so that a small file goes in parts. */
const LIMITS = { connectMs: 500, idleMs: 500, tries: 2, maxWhole: 5 * MIB };

describe('faults of an S3 server', () => {
  let server: ScriptedServer;
  let location: S3Location;
  let store: S3ObjectStore;
  let requests: string[];

  beforeEach(async () => {
    server = await startScriptedServer();
    ({ location, requests } = server);
    store = new S3ObjectStore(location, {}, LIMITS);
  });
  afterEach(async () => {
    await store.close();
    await server.close();
  });

  const createOnly = { createOnly: true };
  const conflict = (): Answer => failure(409, 'ConditionalRequestConflict');

  it.each([
    [403, 'AccessDenied', 'ObjectStoreRefused', 1],
    [401, 'Unauthorized', 'ObjectStoreRefused', 1],
    [403, 'InvalidAccessKeyId', 'ObjectStoreRefused', 1],
    [403, 'SignatureDoesNotMatch', 'ObjectStoreRefused', 1],
    [404, 'NoSuchBucket', 'ObjectStoreRefused', 1],
    [301, 'PermanentRedirect', 'ObjectStoreRefused', 1],
    [400, 'AuthorizationHeaderMalformed', 'ObjectStoreRefused', 1],
    [501, 'NotImplemented', 'ObjectStoreRefused', 1],
    [404, 'NoSuchKey', 'ObjectNotFound', 1],
    [400, 'BadDigest', 'ObjectCorrupt', 1],
    [500, 'InternalError', 'ObjectStoreUnavailable', 2],
    [503, 'SlowDown', 'ObjectStoreUnavailable', 2],
    [429, 'TooManyRequests', 'ObjectStoreUnavailable', 2],
    [400, 'RequestTimeout', 'ObjectStoreUnavailable', 2],
  ])('%i %s is %s after %i tries', async (status, code, type, tries) => {
    server.script.push(...Array.from({ length: tries }, () => failure(status, code)));
    expect(await errorType(store.get('a/b'))).toBe(type);
    expect(requests).toHaveLength(tries);
  });

  it('gets over one failure', async () => {
    server.script.push(failure(503, 'SlowDown'), answer(200, 'body'));
    expect((await store.get('a')).toString()).toBe('body');
  });

  it('puts again after a conflict without a winner', async () => {
    server.script.push(conflict(), answer(404), answer(200));
    await store.put('a', 'x', createOnly);
    expect(requests).toEqual(['PUT /bucket/a?x-id', 'HEAD /bucket/a', 'PUT /bucket/a?x-id']);
  });

  it('calls a conflict with a winner ObjectExists', async () => {
    server.script.push(conflict(), found());
    expect(await errorType(store.put('a', 'x', createOnly))).toBe('ObjectExists');
    expect(requests).toHaveLength(2);
  });

  it('gives up on conflicts that do not end', async () => {
    server.script.push(...Array.from({ length: 3 }, () => [conflict(), answer(404)]).flat());
    expect(await errorType(store.put('a', 'x', createOnly))).toBe('ObjectStoreUnavailable');
    expect(requests).toHaveLength(6);
  });

  it('tells ObjectExists of its own put whose answer was lost', async () => {
    server.script.push(hangUp, failure(412, 'PreconditionFailed'));
    expect(await errorType(store.put('a', 'x', createOnly))).toBe('ObjectExists');
  });

  it('streams a file anew when it met a conflict, and does not when the network failed', async () => {
    const path = await sixMebibytes();
    const whole = new S3ObjectStore(location, {}, { ...LIMITS, maxWhole: 6 * MIB });
    server.script.push(answer(404), conflict(), answer(404), answer(200), answer(404), hangUp);
    await whole.putFile('a', path, createOnly);
    expect(requests.map((request) => request.split(' ')[0])).toEqual(['HEAD', 'PUT', 'HEAD', 'PUT']);
    expect(await errorType(whole.putFile('a', path, createOnly))).toBe('ObjectStoreUnavailable');
    expect(requests).toHaveLength(6);
    await whole.close();
  });

  it('sends a file anew when its last request met a conflict', async () => {
    const path = await sixMebibytes();
    const part = answer(200, '', { etag: '"e"' });
    server.script.push(
      answer(404),
      begun,
      part,
      part,
      conflict(),
      answer(204),
      answer(404),
      begun,
      part,
      part,
      completed,
    );
    await store.putFile('a', path, createOnly);
    const once = ['POST /bucket/a?uploads', 'PUT part', 'PUT part', 'POST /bucket/a?uploadId'];
    const kinds = requests.map((request) => (request.includes('partNumber') ? 'PUT part' : request));
    expect(kinds).toEqual([
      'HEAD /bucket/a',
      ...once,
      'DELETE /bucket/a?uploadId&x-id',
      'HEAD /bucket/a',
      ...once,
    ]);
  });

  it('aborts a multipart upload when a part fails for good', async () => {
    server.script.push(begun, ...Array.from({ length: 4 }, () => failure(403, 'AccessDenied')));
    expect(await errorType(store.putFile('a', await sixMebibytes()))).toBe('ObjectStoreRefused');
    expect(requests.at(-1)).toBe('DELETE /bucket/a?uploadId&x-id');
    expect(requests.filter((request) => request.startsWith('POST'))).toHaveLength(1);
  });

  it('does not wait for the other parts when one fails for good', async () => {
    const patient = new S3ObjectStore(location, {}, { ...LIMITS, idleMs: 20_000 });
    server.script.push(begun, silent, failure(403, 'AccessDenied'));
    const start = Date.now();
    expect(await errorType(patient.putFile('a', await sixMebibytes()))).toBe('ObjectStoreRefused');
    expect(Date.now() - start).toBeLessThan(10_000);
    await patient.close();
  });

  it('leaves out of listings what has no key of ours', async () => {
    const keys = ['a/', 'a//b', 'a/b'].map(
      (key) =>
        `<Contents><Key>${key}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>`,
    );
    server.script.push(answer(200, `<ListBucketResult>${keys.join('')}</ListBucketResult>`));
    const pages = await collect(store.list('a/'));
    expect(pages.flatMap(({ objects }) => objects).map(({ key }) => key)).toEqual(['a/b']);
  });

  it.each([
    [400, 'InvalidArgument', 'ListingExpired'],
    [400, 'ExpiredToken', 'ObjectStoreRefused'],
    [403, 'AccessDenied', 'ObjectStoreRefused'],
  ])('tells a cursor that it takes no more from other refusals: %i %s', async (status, code, type) => {
    server.script.push(failure(status, code), failure(status, code));
    expect(await errorType(store.listFolderPage('', { cursor: 'old' }))).toBe(type);
    expect(await errorType(store.listFolderPage(''))).toBe('ObjectStoreRefused');
  });

  it('tells of each request that lists, a repeated one too, and of no other', async () => {
    const told: string[] = [];
    const counted = new S3ObjectStore(location, { onListRequest: (purpose) => told.push(purpose) }, LIMITS);
    server.script.push(failure(500, 'InternalError'));
    await collect(counted.list('inbox/', { purpose: 'inbox' }));
    await counted.listFolderPage('', { purpose: 'walk' });
    await counted.abortStaleUploads('', 0, new Set());
    await counted.check();
    await counted.put('a', '');
    expect(told).toEqual(['inbox', 'inbox', 'walk', 'multipart', 'check']);
    await counted.close();
  });

  it('does not repeat the folder to start after, whose keys come after its name', async () => {
    const folders = ['a/', 'b/', '/'].map(
      (folder) => `<CommonPrefixes><Prefix>${folder}</Prefix></CommonPrefixes>`,
    );
    server.script.push(answer(200, `<ListBucketResult>${folders.join('')}</ListBucketResult>`));
    expect(await collect(store.listFolders('', { startAfter: 'a/' }))).toEqual([['b/']]);
  });

  it.each([
    ['AccessDenied', 'ObjectStoreRefused'],
    ['InternalError', 'ObjectStoreUnavailable'],
    ['NoSuchKey', 'none'],
  ])('looks at the result of each deleted key: %s', async (code, type) => {
    server.script.push(
      answer(200, `<DeleteResult><Error><Key>b</Key><Code>${code}</Code></Error></DeleteResult>`),
    );
    expect(await errorType(store.delete(['a', 'b']))).toBe(type);
  });

  it('does not take a part of an object for the whole', async () => {
    const target = await temporaryFolder();
    server.script.push(cutShort);
    expect(await errorType(store.getFile('a', join(target, 'copy')))).toBe('ObjectStoreUnavailable');
    expect(await readdir(target)).toEqual([]);
    server.script.push(cutShort);
    expect(await errorType(store.get('a'))).toBe('ObjectStoreUnavailable');
  });

  it('does not wait for ever for an answer, or for the rest of one', async () => {
    server.script.push(silent, silent);
    expect(await errorType(store.get('a'))).toBe('ObjectStoreUnavailable');
    server.script.push(silentAfterHalf);
    expect(await errorType(store.get('a'))).toBe('ObjectStoreUnavailable');
  });

  it('signs the SHA-256 of a body, which the server then verifies, and adds a CRC only where asked to', async () => {
    const body = 'the body';
    const crc = new S3ObjectStore({ ...location, checksums: 'supported' }, {}, LIMITS);
    const seen: IncomingMessage[] = [];
    const keep: Answer = (request, response) => (seen.push(request), answer(200)(request, response));
    server.script.push(keep, keep);
    await store.put('a', body);
    await crc.put('a', body);
    const digest = createHash('sha256').update(body).digest('hex');
    expect(seen.map(({ headers }) => headers['x-amz-content-sha256'])).toEqual([digest, digest]);
    expect(seen.map(({ headers }) => headers['x-amz-checksum-crc32'] !== undefined)).toEqual([false, true]);
    await crc.close();
  });

  it('says where it failed, with the key, bucket, endpoint and setting', async () => {
    server.script.push(failure(403, 'AccessDenied'));
    await expect(store.get('a/b')).rejects.toThrow(
      /get "a\/b" in bucket bucket at http:\/\/127\.0\.0\.1:\d+: AccessDenied \(HTTP 403\); .*AKOSHA_OBJECT_STORE/,
    );
  });
});

function found(): Answer {
  return answer(200, '', { 'content-length': '1', 'last-modified': new Date().toUTCString() });
}

const hangUp: Answer = (request) => request.socket.destroy();
const silent: Answer = () => undefined;
const silentAfterHalf: Answer = (_, response) =>
  void response.writeHead(200, { 'content-length': '10' }).write('12345');
const cutShort: Answer = (request, response) => {
  response.writeHead(200, { 'content-length': '10' }).write('12345', () => request.socket.end());
};

async function sixMebibytes(): Promise<string> {
  const path = join(await temporaryFolder(), 'six');
  await writeFile(path, Buffer.alloc(6 * MIB));
  return path;
}
