import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, inject } from 'vitest';
import { AkoshaError, type ErrorType } from '../../src/contract/index.js';
import { parseObjectStoreUrl, type S3Location } from '../../src/objects/index.js';

export const STORES = ['file', 's3'] as const;
export type StoreKind = (typeof STORES)[number];

/** The URL of a store of that kind with nothing in it. S3's is a fresh prefix in the bucket of the test server. */
export async function emptyStoreUrl(
  kind: StoreKind,
  parameters: Record<string, string> = {},
): Promise<string> {
  return kind === 'file' ? pathToFileURL(await temporaryFolder()).href : s3Url(parameters);
}

export function s3Url(parameters: Record<string, string> = {}): string {
  const { endpoint, region, bucket } = inject('s3');
  useS3Credentials();
  // The smallest part S3 allows, so that a small file has several.
  const query = new URLSearchParams({ endpoint, region, part_size_mb: '5', ...parameters });
  return `s3://${bucket}/objects-${randomUUID()}?${query.toString()}`;
}

/** Through the environment, as the AWS SDK finds them in production. */
export function useS3Credentials(): void {
  const { accessKeyId, secretAccessKey } = inject('s3');
  process.env['AWS_ACCESS_KEY_ID'] = accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = secretAccessKey;
}

/** The same, read. */
export function s3Location(parameters: Record<string, string> = {}): S3Location {
  return locationOf(s3Url(parameters));
}

export function locationOf(url: string): S3Location {
  const location = parseObjectStoreUrl(url);
  if (location.kind !== 's3') throw new Error(`${url} is not S3`);
  return location;
}

/** The keys of multipart uploads that were begun and neither completed nor aborted; past any proxy. */
export async function unfinishedUploads({ prefix }: S3Location): Promise<string[]> {
  const { endpoint, region, bucket } = inject('s3');
  const client = new S3Client({ endpoint, region, forcePathStyle: true });
  const answer = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix }));
  client.destroy();
  return (answer.Uploads ?? []).map((upload) => (upload.Key ?? '').slice(prefix.length)).sort();
}

const made: string[] = [];

/** An empty folder, gone when the tests of the file have ended. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-objects-'));
  made.push(folder);
  return folder;
}

afterAll(() => Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true }))));

/** The type of the error a promise ends with, or `none`. */
export async function errorType(work: Promise<unknown>): Promise<ErrorType | 'none'> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (error instanceof AkoshaError) return error.type;
    throw error;
  }
}

export async function collect<Item>(pages: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const page of pages) found.push(page);
  return found;
}
