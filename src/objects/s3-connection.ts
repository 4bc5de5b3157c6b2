import type { FileHandle } from 'node:fs/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import type { ListPurpose, PutFileOptions } from './object-store.js';
import type { PutProgress } from './s3-progress.js';
import type { SendOptions } from './s3-transport.js';
import type { S3Location } from './url.js';

export interface S3Connection {
  client: S3Client;
  location: S3Location;
  /** Bytes of one part of a multipart upload, before it is raised for a very large file. */
  partSize: number;
  /** Bytes of the largest body that goes into one request. */
  maxWhole: number;
}

/** One put, with what it is called in messages. */
export interface S3Put {
  key: string;
  doing: string;
  options: PutFileOptions;
  /** Aborts with the caller's, and when the put stalls. */
  signal: AbortSignal | undefined;
  progress: PutProgress;
}

/** The file of a put. */
export interface S3Source {
  file: FileHandle;
  path: string;
  /** Bytes. */
  size: number;
}

/** How a request names an object. */
export function targetOf(
  { location }: Pick<S3Connection, 'location'>,
  key: string,
): { Bucket: string; Key: string } {
  return { Bucket: location.bucket, Key: location.prefix + key };
}

/** The SDK's way to pass a signal, and ours to be told what went out. */
export function sendOptions(signal: AbortSignal | undefined, onSent?: (bytes: number) => void): SendOptions {
  return {
    ...(signal === undefined ? {} : { abortSignal: signal }),
    ...(onSent === undefined ? {} : { onSent }),
  };
}

/** The same for a request that lists. */
export function listingOptions(signal: AbortSignal | undefined, purpose: ListPurpose = 'other'): SendOptions {
  return { ...sendOptions(signal), listing: purpose };
}
