import { createHash, type Hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { CompletedPart, Part } from '@aws-sdk/client-s3';
import type { S3Location } from './url.js';

/** S3's limit. */
const MAX_PARTS = 10_000;

const MIB = 1024 * 1024;

/** Some 2 ms of hashing, after which other work of the process has its turn. */
const HASH_AT_ONCE = MIB;

/** Which checksum goes with each part where checksums are wanted: the strongest that all of Amazon S3, R2 and SeaweedFS take. */
export const PART_CHECKSUM = 'SHA256';

/** A part of a file. */
export interface Slice {
  number: number;
  offset: number;
  length: number;
}

/** The size of part for which a file has at most 10,000 of them, in whole MiB. */
export function partSizeFor(size: number, least: number): number {
  return Math.max(least, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}

/** The parts of a file: all of one size but the last, which R2 insists on. */
export function slicesOf(size: number, partSize: number): Slice[] {
  return Array.from({ length: Math.ceil(size / partSize) }, (_, index) => {
    const offset = index * partSize;
    return { number: index + 1, offset, length: Math.min(partSize, size - offset) };
  });
}

/** Updates a hash without keeping the thread to itself. */
export async function addTo(hash: Hash, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.byteLength; start += HASH_AT_ONCE) {
    if (start > 0) await turn();
    hash.update(bytes.subarray(start, start + HASH_AT_ONCE));
  }
}

/**
 * The entry of a part that the server has, where it is of these bytes; undefined where it is not, or where the server gives no
 * checksum to tell by (an ETag that is no MD5, as with KMS encryption, and no other): such a part is sent again. Amazon S3, R2
 * and SeaweedFS give a part's MD5 as its ETag.
 */
export async function completedPart(
  part: Part | undefined,
  bytes: Uint8Array,
  checksums: S3Location['checksums'],
): Promise<CompletedPart | undefined> {
  if (part?.PartNumber === undefined || part.ETag === undefined || part.Size !== bytes.byteLength) {
    return undefined;
  }
  const sha256 =
    part.ChecksumSHA256 !== undefined || checksums === 'supported'
      ? await digest('sha256', bytes)
      : undefined;
  const same =
    part.ChecksumSHA256 === undefined
      ? md5Of(part.ETag) === (await digest('md5', bytes)).toString('hex')
      : part.ChecksumSHA256 === sha256?.toString('base64');
  if (!same) return undefined;
  return {
    PartNumber: part.PartNumber,
    ETag: part.ETag,
    ...(checksums === 'supported' && sha256 !== undefined
      ? { ChecksumSHA256: sha256.toString('base64') }
      : {}),
  };
}

async function digest(algorithm: 'md5' | 'sha256', bytes: Uint8Array): Promise<Buffer> {
  const hash = createHash(algorithm);
  await addTo(hash, bytes);
  return hash.digest();
}

/** The hexadecimal MD5 in an ETag; undefined where it holds none. */
export function md5Of(etag: string): string | undefined {
  return /^"?([0-9a-f]{32})"?$/i.exec(etag)?.[1]?.toLowerCase();
}
