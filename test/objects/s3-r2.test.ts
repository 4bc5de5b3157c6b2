import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openObjectStore } from '../../src/objects/index.js';
import { collect, temporaryFolder, useS3Credentials } from './stores.js';

const MIB = 1024 * 1024;

interface Recorded {
  /** Method, and the names of the query. */
  what: string;
  headers: IncomingMessage['headers'];
}

/**
 * Cloudflare R2 cannot be reached from a test: what is sent to it is recorded by a server that answers every request with the least that
 * the SDK wants, and held against what R2's documents say it takes.
 * https://developers.cloudflare.com/r2/api/s3/api/ and https://developers.cloudflare.com/r2/objects/multipart-objects/
 */
let server: Server;
let endpoint: string;
let recorded: Recorded[];

beforeEach(async () => {
  useS3Credentials();
  recorded = [];
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    const names = [...searchParams.keys()].filter((name) => name !== 'x-id').sort();
    const what = [request.method, pathname, ...names].join(' ');
    recorded.push({ what, headers: request.headers });
    request.resume().on('end', () => {
      response.writeHead(request.method === 'HEAD' ? 404 : 200, { etag: `"${'0'.repeat(32)}"` });
      response.end(ANSWERS[what] ?? '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  endpoint = `http://127.0.0.1:${address.port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const ANSWERS: Readonly<Record<string, string>> = {
  'POST /bucket/large uploads':
    '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>',
  'POST /bucket/large uploadId':
    '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>',
  'POST /bucket/ delete': '<DeleteResult></DeleteResult>',
};

/** Headers that R2 was seen to answer with 501, and the framing that goes with them. */
const CHECKSUM = /^x-amz-(checksum|sdk-checksum|trailer)/;

/** Everything that the program does with a store. */
async function useAll(checksums: string): Promise<void> {
  const store = await openObjectStore(
    `s3://bucket?endpoint=${endpoint}&region=auto&checksums=${checksums}&part_size_mb=5`,
  );
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, Buffer.alloc(11 * MIB));
  await store.put('small', 'x', { contentType: 'application/json' });
  await store.put('manifest', 'x', { createOnly: true });
  await store.putFile('large', file, { resume: {} });
  await store.putFile('once', file, { createOnly: true });
  await store.get('small');
  await store.head('small');
  await collect(store.list('a/'));
  await store.abortStaleUploads('a/', 0, new Set());
  await store.delete(['small']);
  await store.close();
}

it('R2 is sent requests for the region auto, framed by their length, without a checksum that nobody demands', async () => {
  await useAll('required');
  expect(recorded.length).toBeGreaterThan(12);
  for (const { what, headers } of recorded) {
    expect(headers.authorization, what).toMatch(/Credential=[^/]+\/\d{8}\/auto\/s3\/aws4_request/);
    expect(headers['transfer-encoding'], what).toBeUndefined();
    expect(headers['content-encoding'], what).toBeUndefined();
    const names = Object.keys(headers).filter((name) => CHECKSUM.test(name));
    // S3 demands one of a DeleteObjects request, and R2 takes CRC-32.
    const demanded =
      what === 'POST /bucket/ delete' ? ['x-amz-checksum-crc32', 'x-amz-sdk-checksum-algorithm'] : [];
    expect(names.sort(), what).toEqual(demanded);
  }
});

it('R2 is sent parts of one size but the last, each signed with its SHA-256', async () => {
  await useAll('required');
  const parts = recorded.filter(({ what }) => what.includes('partNumber'));
  expect(parts.map(({ headers }) => Number(headers['content-length'])).sort()).toEqual([
    MIB,
    5 * MIB,
    5 * MIB,
  ]);
  for (const { headers } of parts) expect(headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/);
});

it('R2 is sent checksums that it takes, where they are asked for', async () => {
  await useAll('supported');
  const begun = recorded.find(({ what }) => what === 'POST /bucket/large uploads');
  expect(begun?.headers['x-amz-checksum-algorithm']).toBe('SHA256');
  const parts = recorded.filter(({ what }) => what.includes('partNumber'));
  expect(parts).toHaveLength(3);
  for (const { headers } of parts) expect(headers['x-amz-checksum-sha256']).toMatch(/^[A-Za-z0-9+/]{43}=$/);
  const small = recorded.find(({ what }) => what === 'PUT /bucket/small');
  expect(small?.headers['x-amz-checksum-crc32']).toBeDefined();
});
