import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { HeadObjectCommand, type Part } from '@aws-sdk/client-s3';
import { readSlice } from './local-files.js';
import type { ResumeOptions } from './object-store.js';
import { type S3Connection, type S3Put, type S3Source, sendOptions, targetOf } from './s3-connection.js';
import { isMissing } from './s3-errors.js';
import { addTo, md5Of, PART_CHECKSUM, partSizeFor, type Slice, slicesOf } from './s3-parts.js';
import { abortQuietly, listParts, type UploadName, uploadNamed, uploadsOf } from './s3-uploads.js';

/** What of a file is read at a time to be hashed. */
const READ_BYTES = 1024 * 1024;

/** A multipart upload to go on with. */
export interface Resumable {
  upload: UploadName;
  /** By number. */
  parts: Map<number, Part>;
}

/**
 * The multipart upload that an earlier put of the key left: the one of the caller's id, else of those under the key the one
 * with the most parts. One that is cut into other parts is removed, since its file or the size of parts was another.
 */
export async function findResumable(
  connection: S3Connection,
  put: S3Put,
  slices: readonly Slice[],
  { uploadId }: ResumeOptions,
): Promise<Resumable | undefined> {
  if (uploadId !== undefined) {
    const named = await examine(connection, put, slices, uploadNamed(connection, put.key, uploadId));
    if (named !== undefined) return named;
  }
  let best: Resumable | undefined;
  for (const { name } of await uploadsOf(connection, put.key, put.signal)) {
    const found = await examine(connection, put, slices, name);
    if (found !== undefined && found.parts.size > (best?.parts.size ?? -1)) best = found;
  }
  return best;
}

async function examine(
  connection: S3Connection,
  put: S3Put,
  slices: readonly Slice[],
  upload: UploadName,
): Promise<Resumable | undefined> {
  const listed = await listParts(connection, upload, put.signal);
  if (listed === undefined) return undefined;
  const parts = new Map(listed.parts.map((part) => [part.PartNumber ?? 0, part]));
  const fits = listed.parts.every((part) => slices[(part.PartNumber ?? 0) - 1]?.length === part.Size);
  const wanted = connection.location.checksums === 'supported' ? PART_CHECKSUM : undefined;
  // A server that does not tell the checksum takes any.
  if (fits && (listed.algorithm === undefined || listed.algorithm === wanted)) return { upload, parts };
  await abortQuietly(connection, upload);
  return undefined;
}

/**
 * Whether the key holds exactly the file's bytes, as far as its ETag tells: the MD5 of an object put whole, or of its parts' MD5s.
 * Where it tells nothing (KMS encryption), or the parts were of another size, the answer is no, and the file is sent.
 */
export async function standsAlready(
  connection: S3Connection,
  put: S3Put,
  source: S3Source,
): Promise<boolean> {
  const found = await headTag(connection, put);
  if (found?.size !== source.size) return false;
  const [, tag = '', count] = /^"?(.*?)(?:-(\d+))?"?$/.exec(found.etag) ?? [];
  const standing = md5Of(tag);
  const slices = slicesOf(source.size, partSizeFor(source.size, connection.partSize));
  if (standing === undefined || (count !== undefined && Number(count) !== slices.length)) return false;
  const whole = [{ number: 1, offset: 0, length: source.size }];
  const sums: Buffer[] = [];
  for (const slice of count === undefined ? whole : slices) {
    sums.push(await md5OfSlice(source.file, slice, { path: source.path, doing: put.doing }));
    put.progress.moved();
  }
  const [first = Buffer.alloc(0)] = sums;
  const md5 = count === undefined ? first : createHash('md5').update(Buffer.concat(sums)).digest();
  return md5.toString('hex') === standing;
}

async function headTag(
  { client, ...connection }: S3Connection,
  { key, signal }: S3Put,
): Promise<{ size: number | undefined; etag: string } | undefined> {
  try {
    const command = new HeadObjectCommand(targetOf(connection, key));
    const found = await client.send(command, sendOptions(signal));
    return { size: found.ContentLength, etag: found.ETag ?? '' };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function md5OfSlice(
  file: FileHandle,
  { offset, length }: Slice,
  at: { path: string; doing: string },
): Promise<Buffer> {
  const hash = createHash('md5');
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, length));
  for (let read = 0; read < length; read += buffer.length) {
    const next = { offset: offset + read, length: Math.min(buffer.length, length - read) };
    await addTo(hash, await readSlice(file, buffer, next, at));
  }
  return hash.digest();
}
