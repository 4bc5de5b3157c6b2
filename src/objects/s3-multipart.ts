import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type Part,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { AkoshaError } from '../contract/index.js';
import { withSpan } from '../runtime/index.js';
import { readSlice } from './local-files.js';
import type { PutFileResult } from './object-store.js';
import { type S3Connection, type S3Put, type S3Source, sendOptions, targetOf } from './s3-connection.js';
import { isNoSuchUpload } from './s3-errors.js';
import { completedPart, PART_CHECKSUM, partSizeFor, type Slice, slicesOf } from './s3-parts.js';
import { findResumable, type Resumable, standsAlready } from './s3-resume.js';
import { abortLeftovers, abortQuietly, type UploadName, uploadNamed } from './s3-uploads.js';
import { eachAtOnce } from './shared.js';
import { stopper } from './stopper.js';

/** One goes out while the other waits for its answer. Each more costs 5 MiB of memory, and was no faster to a server near by. */
const PARTS_AT_ONCE = 2;

/** Of all parts in memory together: a host's user must not notice an upload. At least one part is, whatever its size. */
const IN_FLIGHT_BYTES = 16 * 1024 * 1024;

/**
 * Uploads a file in parts and makes it visible at the end, at once. Parts are held in memory, so that the SDK can send one
 * again and sign its SHA-256, which the server then verifies. Any failure, and the caller's signal, aborts the whole.
 * Raises what the SDK raises.
 */
export async function putInParts(
  connection: S3Connection,
  put: S3Put,
  source: S3Source,
): Promise<PutFileResult> {
  const upload = await begin(connection, put);
  try {
    return await sendAndComplete(connection, put, source, { upload, parts: new Map() });
  } catch (error) {
    // By now no part is under way: one that arrived after the abort would be stored, and paid for, unseen.
    await abortQuietly(connection, upload);
    throw error;
  }
}

/**
 * The same, going on with the parts that an earlier try left on the server, and leaving them for the next when it fails. The
 * answer to the last request may have been lost, and with it the upload's id: then the object itself tells how it went.
 */
export async function resumeInParts(
  connection: S3Connection,
  put: S3Put,
  source: S3Source,
): Promise<PutFileResult> {
  const { resume = {}, signal } = put.options;
  let upload: UploadName | undefined;
  try {
    const slices = slicesOf(source.size, partSizeFor(source.size, connection.partSize));
    const found = await findResumable(connection, put, slices, resume);
    upload = found?.upload ?? (await begin(connection, put));
    if (upload.UploadId !== resume.uploadId) await resume.onUploadId?.(upload.UploadId);
    const parts = found?.parts ?? new Map<number, Part>();
    const result = await sendAndComplete(connection, put, source, { upload, parts });
    await abortLeftovers(connection, put.key);
    return result;
  } catch (error) {
    if (isNoSuchUpload(error) && (await standsAlready(connection, put, source))) return { bytesSent: 0 };
    if (signal?.aborted === true && resume.onCancel !== 'keep') {
      if (upload !== undefined) await abortQuietly(connection, upload);
      // Also one whose beginning was cancelled before it told its id.
      await abortLeftovers(connection, put.key);
    }
    throw error;
  }
}

async function begin(connection: S3Connection, put: S3Put): Promise<UploadName> {
  const { client, location } = connection;
  const { contentType } = put.options;
  const { UploadId: id } = await client.send(
    new CreateMultipartUploadCommand({
      ...targetOf(connection, put.key),
      ...(contentType === undefined ? {} : { ContentType: contentType }),
      ...(location.checksums === 'supported' ? { ChecksumAlgorithm: PART_CHECKSUM } : {}),
    }),
    sendOptions(put.signal),
  );
  if (id !== undefined) return uploadNamed(connection, put.key, id);
  throw new AkoshaError('ObjectStoreUnavailable', `${put.doing}: a multipart upload began without an id`);
}

async function sendAndComplete(
  connection: S3Connection,
  put: S3Put,
  source: S3Source,
  resumable: Resumable,
): Promise<PutFileResult> {
  const { parts, bytesSent } = await sendParts(connection, put, source, resumable);
  await connection.client.send(
    new CompleteMultipartUploadCommand({
      ...resumable.upload,
      MultipartUpload: { Parts: parts },
      ...(put.options.createOnly === true ? { IfNoneMatch: '*' } : {}),
    }),
    sendOptions(put.signal),
  );
  return { bytesSent };
}

async function sendParts(
  connection: S3Connection,
  put: S3Put,
  source: S3Source,
  { upload, parts: there }: Resumable,
): Promise<{ parts: CompletedPart[]; bytesSent: number }> {
  const partSize = partSizeFor(source.size, connection.partSize);
  const atOnce = Math.max(1, Math.min(PARTS_AT_ONCE, Math.floor(IN_FLIGHT_BYTES / partSize)));
  const buffers: Buffer[] = [];
  const parts: CompletedPart[] = [];
  const at = { path: source.path, doing: put.doing };
  const stop = stopper(put.signal);
  let bytesSent = 0;
  const have = async (slice: Slice, lane: number): Promise<void> => {
    const buffer = (buffers[lane] ??= Buffer.allocUnsafe(partSize));
    const body = await readSlice(source.file, buffer, slice, at);
    const { number, length } = slice;
    let part = await completedPart(there.get(number), body, connection.location.checksums);
    if (part === undefined) {
      part = await withSpan('akosha.object.part', { fields: { part: number, bytes: length } }, () =>
        sendPart(
          connection,
          { ...upload, PartNumber: number, Body: body },
          {
            signal: stop.signal,
            onSent: put.progress.ofPart(number, length),
          },
        ),
      );
      bytesSent += length;
    }
    parts.push(part);
    put.progress.has(number, length);
  };
  try {
    await eachAtOnce(slicesOf(source.size, partSize), atOnce, have, stop.now);
  } finally {
    stop.release();
  }
  return { parts: parts.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0)), bytesSent };
}

async function sendPart(
  { client, location }: S3Connection,
  part: UploadName & { PartNumber: number; Body: Buffer },
  { signal, onSent }: { signal: AbortSignal; onSent: (bytes: number) => void },
): Promise<CompletedPart> {
  const answer = await client.send(
    new UploadPartCommand({
      ...part,
      ...(location.checksums === 'supported' ? { ChecksumAlgorithm: PART_CHECKSUM } : {}),
    }),
    sendOptions(signal, onSent),
  );
  return {
    PartNumber: part.PartNumber,
    ...(answer.ETag === undefined ? {} : { ETag: answer.ETag }),
    ...(answer.ChecksumSHA256 === undefined ? {} : { ChecksumSHA256: answer.ChecksumSHA256 }),
  };
}
