import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { AkoshaError } from '../contract/index.js';
import { readSlice } from './local-files.js';
import { type S3Connection, type S3Put, type S3Source, sendOptions, targetOf } from './s3-connection.js';
import { eachAtOnce } from './shared.js';
import { stopper } from './stopper.js';

/** S3's limit. */
const MAX_PARTS = 10_000;

/** Four parts fill a fast line; more would only take more memory. */
const PARTS_AT_ONCE = 4;

/** With parts raised for an enormous file, fewer go at once, so that memory stays near this. */
const IN_FLIGHT_BYTES = 128 * 1024 * 1024;

const MIB = 1024 * 1024;

/** Giving up must not take long itself; what is left behind is the bucket's rule for incomplete uploads to remove. */
const ABORT_TIMEOUT_MS = 10_000;

interface Upload {
  Bucket: string;
  Key: string;
  UploadId: string;
}

/** The size of part for which a file has at most 10,000 of them, in whole MiB. */
export function partSizeFor(size: number, least: number): number {
  return Math.max(least, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}

/**
 * Uploads a file in parts and makes it visible at the end, at once. Parts are held in memory, so that the SDK can send one
 * again and sign its SHA-256, which the server then verifies. Any failure, and the caller's signal, aborts the whole.
 * Raises what the SDK raises.
 */
export async function putInParts(connection: S3Connection, put: S3Put, source: S3Source): Promise<void> {
  const { client, location } = connection;
  const { contentType, createOnly, signal } = put.options;
  const target = targetOf(connection, put.key);
  const created = await client.send(
    new CreateMultipartUploadCommand({
      ...target,
      ...(contentType === undefined ? {} : { ContentType: contentType }),
      ...(location.checksums === 'supported' ? { ChecksumAlgorithm: 'CRC32' } : {}),
    }),
    sendOptions(signal),
  );
  if (created.UploadId === undefined) {
    throw new AkoshaError('ObjectStoreUnavailable', `${put.doing}: a multipart upload began without an id`);
  }
  const upload = { ...target, UploadId: created.UploadId };
  try {
    const parts = await sendParts(connection, put, source, upload);
    await client.send(
      new CompleteMultipartUploadCommand({
        ...upload,
        MultipartUpload: { Parts: parts },
        ...(createOnly === true ? { IfNoneMatch: '*' } : {}),
      }),
      sendOptions(signal),
    );
  } catch (error) {
    // By now no part is under way: one that arrived after the abort would be stored, and paid for, unseen.
    await client
      .send(new AbortMultipartUploadCommand(upload), sendOptions(AbortSignal.timeout(ABORT_TIMEOUT_MS)))
      .catch(() => undefined);
    throw error;
  }
}

async function sendParts(
  { client, location }: S3Connection,
  put: S3Put,
  source: S3Source,
  upload: Upload,
): Promise<CompletedPart[]> {
  const partSize = partSizeFor(source.size, location.partSize);
  const numbers = Array.from({ length: Math.ceil(source.size / partSize) }, (_, index) => index + 1);
  const atOnce = Math.max(1, Math.min(PARTS_AT_ONCE, Math.floor(IN_FLIGHT_BYTES / partSize)));
  const buffers: Buffer[] = [];
  const parts: CompletedPart[] = [];
  const at = { path: source.path, doing: put.doing };
  const stop = stopper(put.options.signal);
  let sent = 0;
  const sendOne = async (number: number, lane: number): Promise<void> => {
    const offset = (number - 1) * partSize;
    const slice = { offset, length: Math.min(partSize, source.size - offset) };
    const buffer = (buffers[lane] ??= Buffer.allocUnsafe(partSize));
    const body = await readSlice(source.file, buffer, slice, at);
    parts.push(await sendPart(client, upload, number, body, stop.signal));
    put.options.onProgress?.((sent += slice.length));
  };
  try {
    await eachAtOnce(numbers, atOnce, sendOne, stop.now);
  } finally {
    stop.release();
  }
  return parts.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
}

async function sendPart(
  client: S3Client,
  upload: Upload,
  number: number,
  body: Buffer,
  signal: AbortSignal,
): Promise<CompletedPart> {
  const answer = await client.send(
    new UploadPartCommand({ ...upload, PartNumber: number, Body: body }),
    sendOptions(signal),
  );
  return {
    PartNumber: number,
    ...(answer.ETag === undefined ? {} : { ETag: answer.ETag }),
    ...(answer.ChecksumCRC32 === undefined ? {} : { ChecksumCRC32: answer.ChecksumCRC32 }),
  };
}
