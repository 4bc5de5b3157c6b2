import type { FileHandle } from 'node:fs/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import type { PutOptions } from './object-store.js';
import type { S3Location } from './url.js';

export interface S3Connection {
  client: S3Client;
  location: S3Location;
  /** Bytes of the largest body that goes into one request. */
  maxWhole: number;
}

/** One put, with what it is called in messages. */
export interface S3Put {
  key: string;
  doing: string;
  options: PutOptions;
}

/** The file of a put. */
export interface S3Source {
  file: FileHandle;
  path: string;
  /** Bytes. */
  size: number;
}

/** How a request names an object. */
export function targetOf({ location }: S3Connection, key: string): { Bucket: string; Key: string } {
  return { Bucket: location.bucket, Key: location.prefix + key };
}

/** The SDK's way to pass a signal. */
export function sendOptions(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
