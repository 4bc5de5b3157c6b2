import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { S3ObjectStore } from '../../src/objects/s3.js';
import {
  answer,
  begun,
  completed,
  failure,
  type ScriptedServer,
  startScriptedServer,
} from './scripted-server.js';
import { errorType, temporaryFolder } from './stores.js';

const MIB = 1024 * 1024;

/** What servers other than the one that tests run may tell of parts and multipart uploads, told by a double. */
describe('parts on the server', () => {
  const content = randomBytes(6 * MIB);
  const slices = [content.subarray(0, 5 * MIB), content.subarray(5 * MIB)];
  let server: ScriptedServer;
  let file: string;
  let stores: S3ObjectStore[];

  beforeEach(async () => {
    server = await startScriptedServer();
    stores = [];
    file = join(await temporaryFolder(), 'file');
    await writeFile(file, content);
  });
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await server.close();
  });

  const open = (checksums: 'required' | 'supported' = 'required'): S3ObjectStore => {
    const store = new S3ObjectStore({ ...server.location, checksums });
    stores.push(store);
    return store;
  };
  const resume = (store: S3ObjectStore) => store.putFile('a', file, { resume: { uploadId: 'kept' } });
  const partsSent = (): number => server.requests.filter((request) => request.includes('partNumber')).length;

  const xmlOf = (slice: Buffer, index: number, told: Record<string, string>): string => {
    const fields = { PartNumber: index + 1, Size: slice.length, ...told };
    const xml = Object.entries(fields).map(([name, value]) => `<${name}>${value}</${name}>`);
    return `<Part>${xml.join('')}</Part>`;
  };
  const listed = (parts: string[], more = '') =>
    answer(200, `<ListPartsResult>${parts.join('')}${more}</ListPartsResult>`);
  const hashOf = (algorithm: 'md5' | 'sha256', slice: Buffer) => createHash(algorithm).update(slice);
  const md5Tags = slices.map((slice) => ({ ETag: `"${hashOf('md5', slice).digest('hex')}"` }));

  it('are told by their MD5, over several answers', async () => {
    const [first = '', second = ''] = slices.map((slice, index) => xmlOf(slice, index, md5Tags[index] ?? {}));
    const more = '<IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker>';
    server.script.push(answer(404), listed([first], more), listed([second]), completed);
    expect(await resume(open())).toEqual({ bytesSent: 0 });
    expect(partsSent()).toBe(0);
    expect(server.requests.slice(0, 4)).toEqual([
      'HEAD /bucket/a',
      'GET /bucket/a?uploadId&x-id',
      'GET /bucket/a?part-number-marker&uploadId&x-id',
      'POST /bucket/a?uploadId',
    ]);
  });

  it('are told by their SHA-256 where their ETag is no MD5, as with KMS encryption', async () => {
    const parts = slices.map((slice, index) =>
      xmlOf(slice, index, { ETag: '"opaque"', ChecksumSHA256: hashOf('sha256', slice).digest('base64') }),
    );
    const algorithm = '<ChecksumAlgorithm>SHA256</ChecksumAlgorithm>';
    server.script.push(answer(404), listed(parts, algorithm), completed);
    expect(await resume(open('supported'))).toEqual({ bytesSent: 0 });
  });

  it('are sent again where nothing tells their content', async () => {
    const parts = slices.map((slice, index) => xmlOf(slice, index, { ETag: '"opaque"' }));
    const sent = answer(200, '', { etag: '"opaque"' });
    server.script.push(answer(404), listed(parts), sent, sent, completed);
    expect(await resume(open())).toEqual({ bytesSent: content.length });
    expect(partsSent()).toBe(2);
  });

  it('of a multipart upload with another checksum are removed, because no other part would be taken', async () => {
    const parts = slices.map((slice, index) => xmlOf(slice, index, md5Tags[index] ?? {}));
    const algorithm = '<ChecksumAlgorithm>CRC32</ChecksumAlgorithm>';
    const sent = answer(200, '', { etag: '"e"' });
    const none = answer(200, '<ListMultipartUploadsResult></ListMultipartUploadsResult>');
    server.script.push(
      answer(404),
      listed(parts, algorithm),
      answer(204),
      none,
      begun,
      sent,
      sent,
      completed,
    );
    expect(await resume(open())).toEqual({ bytesSent: content.length });
    expect(server.requests).toContain('DELETE /bucket/a?uploadId&x-id');
  });

  it('are not lost for an object that stands, where the server cannot tell what it holds', async () => {
    const head = { 'content-length': String(content.length), 'last-modified': new Date().toUTCString() };
    const sent = answer(200, '', { etag: '"e"' });
    const none = answer(200, '<ListMultipartUploadsResult></ListMultipartUploadsResult>');
    server.script.push(answer(200, '', { ...head, etag: '"opaque-2"' }), failure(404, 'NoSuchUpload'), none);
    server.script.push(begun, sent, sent, completed);
    expect(await resume(open())).toEqual({ bytesSent: content.length });
  });

  it.each([
    [
      'the multipart uploads',
      { KeyMarker: 'a', UploadIdMarker: 'u1' },
      'key-marker&prefix&upload-id-marker&uploads',
    ],
    ['their ids alone, as SeaweedFS does', { UploadIdMarker: 'u1' }, 'prefix&upload-id-marker&uploads'],
  ])('of abandoned puts are found over several answers that mark %s', async (_, markers, query) => {
    const upload = (key: string, id: string): string =>
      `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>2026-01-01T00:00:00Z</Initiated></Upload>`;
    const next = Object.entries(markers).map(([name, value]) => `<Next${name}>${value}</Next${name}>`);
    const page = (...xml: string[]) =>
      answer(200, `<ListMultipartUploadsResult>${xml.join('')}</ListMultipartUploadsResult>`);
    server.script.push(
      page('<IsTruncated>true</IsTruncated>', ...next, upload('a', 'u1')),
      page(upload('b', 'u2')),
      failure(404, 'NoSuchUpload'),
      answer(204),
    );
    expect(await open().abortStaleUploads('', 1000, new Set())).toBe(2);
    expect(server.requests).toEqual([
      'GET /bucket/?prefix&uploads',
      `GET /bucket/?${query}`,
      'DELETE /bucket/a?uploadId&x-id',
      'DELETE /bucket/b?uploadId&x-id',
    ]);
  });

  it('are not removed by credentials that may not, and that is told', async () => {
    server.script.push(failure(403, 'AccessDenied'));
    expect(await errorType(open().abortStaleUploads('', 1000, new Set()))).toBe('ObjectStoreRefused');
  });
});
