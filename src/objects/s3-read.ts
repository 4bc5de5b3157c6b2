import { Readable } from 'node:stream';
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { AkoshaError } from '../contract/index.js';
import type { ObjectInfo, ReadOptions } from './object-store.js';
import { type S3Connection, sendOptions, targetOf } from './s3-connection.js';
import { isMissing } from './s3-errors.js';
import { objectInfo } from './s3-list.js';
import { assertSize } from './shared.js';

/** Raises what the SDK raises, but for a missing object. */
export async function headObject(
  connection: S3Connection,
  key: string,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo | undefined> {
  try {
    const command = new HeadObjectCommand(targetOf(connection, key));
    const found = await connection.client.send(command, sendOptions(signal));
    return objectInfo(key, found.ContentLength, found.LastModified);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Hands the bytes of an object to `use` as they come. Raises what the SDK raises. */
export async function readObject<Result>(
  connection: S3Connection,
  read: { key: string; doing: string; options: ReadOptions },
  use: (chunks: AsyncIterable<Uint8Array>) => Promise<Result>,
): Promise<Result> {
  const { doing } = read;
  const { signal, maxBytes } = read.options;
  const command = new GetObjectCommand(targetOf(connection, read.key));
  const { Body: body, ContentLength: length } = await connection.client.send(command, sendOptions(signal));
  if (!(body instanceof Readable)) {
    throw new AkoshaError('ObjectStoreUnavailable', `${doing}: an answer without a body`);
  }
  try {
    assertSize(length ?? 0, maxBytes, doing);
    return await use(counted(body, { length, maxBytes, doing }));
  } finally {
    // A body left unread would keep its connection from every later request.
    body.destroy();
  }
}

/** The body's bytes, refused when they become too many and when they end too soon. */
async function* counted(
  body: Readable,
  expected: { length: number | undefined; maxBytes: number | undefined; doing: string },
): AsyncGenerator<Uint8Array> {
  const { doing, length } = expected;
  const chunks: AsyncIterable<unknown> = body;
  let bytes = 0;
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError(`${doing}: the body is not of bytes`);
    bytes += chunk.byteLength;
    assertSize(bytes, expected.maxBytes, doing);
    yield chunk;
  }
  if (length !== undefined && bytes !== length) {
    throw new AkoshaError('ObjectCorrupt', `${doing}: ${bytes} of ${length} bytes came`);
  }
}
