import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
  type ListPartsCommandOutput,
  type MultipartUpload,
  type Part,
} from '@aws-sdk/client-s3';
import { listingOptions, type S3Connection, sendOptions, targetOf } from './s3-connection.js';
import { isNoSuchUpload, isRefused } from './s3-errors.js';

/** Giving up must not take long itself; what is left behind goes with `abortStaleUploads` or the bucket's own rule. */
const ABORT_TIMEOUT_MS = 10_000;

/** How a request names a multipart upload. */
export interface UploadName {
  Bucket: string;
  Key: string;
  UploadId: string;
}

export interface OpenUpload {
  name: UploadName;
  /** Relative to the store's prefix. */
  key: string;
  begunAt: Date;
}

/** The parts that a multipart upload has, and by which checksum it was begun. Undefined where there is no such upload. */
export async function listParts(
  { client }: S3Connection,
  upload: UploadName,
  signal: AbortSignal | undefined,
): Promise<{ parts: Part[]; algorithm: string | undefined } | undefined> {
  const parts: Part[] = [];
  let marker: string | undefined;
  try {
    for (;;) {
      const answer: ListPartsCommandOutput = await client.send(
        new ListPartsCommand({ ...upload, ...(marker === undefined ? {} : { PartNumberMarker: marker }) }),
        listingOptions(signal, 'multipart'),
      );
      parts.push(...(answer.Parts ?? []));
      marker = answer.IsTruncated === true ? answer.NextPartNumberMarker : undefined;
      if (marker === undefined) return { parts, algorithm: answer.ChecksumAlgorithm };
    }
  } catch (error) {
    if (isNoSuchUpload(error)) return undefined;
    throw error;
  }
}

/** The multipart uploads under way of keys that begin with a prefix. Raises what the SDK raises. */
export async function* listUploads(
  { client, location }: S3Connection,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<OpenUpload> {
  let markers: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (markers !== undefined) {
    const answer: ListMultipartUploadsCommandOutput = await client.send(
      new ListMultipartUploadsCommand({
        Bucket: location.bucket,
        Prefix: location.prefix + prefix,
        ...markers,
      }),
      listingOptions(signal, 'multipart'),
    );
    for (const found of answer.Uploads ?? []) yield* openUpload(found, location);
    markers = answer.IsTruncated === true ? nextMarkers(answer) : undefined;
  }
}

/** SeaweedFS tells the second marker alone. */
function nextMarkers({
  NextKeyMarker: key,
  NextUploadIdMarker: id,
}: ListMultipartUploadsCommandOutput): { KeyMarker?: string; UploadIdMarker?: string } | undefined {
  if (!key && !id) return undefined;
  return { ...(key ? { KeyMarker: key } : {}), ...(id ? { UploadIdMarker: id } : {}) };
}

function openUpload(
  { Key, UploadId, Initiated }: MultipartUpload,
  { bucket, prefix }: S3Connection['location'],
): OpenUpload[] {
  if (Key === undefined || UploadId === undefined || Initiated === undefined) return [];
  return [{ name: { Bucket: bucket, Key, UploadId }, key: Key.slice(prefix.length), begunAt: Initiated }];
}

/**
 * Those of exactly this key, the newest first. Where the credentials may not list them there are none to be had: then a put is
 * resumed by its id alone.
 */
export async function uploadsOf(
  connection: S3Connection,
  key: string,
  signal: AbortSignal | undefined,
): Promise<OpenUpload[]> {
  const found: OpenUpload[] = [];
  try {
    for await (const upload of listUploads(connection, key, signal)) {
      if (upload.key === key) found.push(upload);
    }
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
  return found.sort((a, b) => b.begunAt.getTime() - a.begunAt.getTime());
}

/** Removes an upload's parts. One that is gone already is no error. Raises what the SDK raises. */
export async function abortUpload(
  { client }: S3Connection,
  upload: UploadName,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await client.send(new AbortMultipartUploadCommand(upload), sendOptions(signal));
  } catch (error) {
    if (!isNoSuchUpload(error)) throw error;
  }
}

/** The same for a put that has already failed, or succeeded: what happens here must not change that. */
export async function abortQuietly(connection: S3Connection, upload: UploadName): Promise<void> {
  await abortUpload(connection, upload, AbortSignal.timeout(ABORT_TIMEOUT_MS)).catch(() => undefined);
}

/**
 * Removes every multipart upload of a key whose object stands, or is wanted no more. There may be several: where the answer to
 * the first request was lost, the SDK has begun another.
 */
export async function abortLeftovers(connection: S3Connection, key: string): Promise<void> {
  const left = await uploadsOf(connection, key, AbortSignal.timeout(ABORT_TIMEOUT_MS)).catch(() => []);
  for (const { name } of left) await abortQuietly(connection, name);
}

/** See `ObjectStore.abortStaleUploads`. Raises what the SDK raises. */
export async function abortStale(
  connection: S3Connection,
  stale: { prefix: string; begunBefore: number; keep: ReadonlySet<string> },
  signal: AbortSignal | undefined,
): Promise<number> {
  const found: OpenUpload[] = [];
  // Collected first: an abort between two pages would move the second.
  for await (const upload of listUploads(connection, stale.prefix, signal)) {
    if (upload.begunAt.getTime() < stale.begunBefore && !stale.keep.has(upload.key)) found.push(upload);
  }
  for (const { name } of found) await abortUpload(connection, name, signal);
  return found.length;
}

/** The multipart upload of a key with an id that somebody kept. */
export function uploadNamed(connection: S3Connection, key: string, uploadId: string): UploadName {
  return { ...targetOf(connection, key), UploadId: uploadId };
}
