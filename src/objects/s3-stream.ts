import { Readable } from 'node:stream';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { readSlice } from './local-files.js';
import { type S3Connection, type S3Put, type S3Source, sendOptions, targetOf } from './s3-connection.js';
import { stopper } from './stopper.js';

/** What is read ahead of the socket. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * Puts a file in one request, streamed: slower than parts, not repeated by the SDK, and its bytes are covered by TLS alone,
 * not by the signature. Raises what the SDK raises.
 */
export async function putStream(connection: S3Connection, put: S3Put, source: S3Source): Promise<void> {
  const { contentType, createOnly } = put.options;
  const stop = stopper(put.signal);
  const body = Readable.from(chunksOf(source, put.doing), { objectMode: false });
  let unreadable: { error: unknown } | undefined;
  // The SDK does not listen to it: the request would wait for bytes that never come.
  body.on('error', (error) => {
    unreadable ??= { error };
    stop.now();
  });
  try {
    await connection.client.send(
      new PutObjectCommand({
        ...targetOf(connection, put.key),
        Body: body,
        ContentLength: source.size,
        ...(contentType === undefined ? {} : { ContentType: contentType }),
        ...(createOnly === true ? { IfNoneMatch: '*' } : {}),
      }),
      sendOptions(stop.signal, put.progress.ofPart(1, source.size)),
    );
    put.progress.has(1, source.size);
  } catch (error) {
    throw unreadable === undefined ? error : unreadable.error;
  } finally {
    stop.release();
    body.destroy();
  }
}

/** Each chunk in its own buffer: the stream holds several at a time. */
async function* chunksOf(source: S3Source, doing: string): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < source.size; offset += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, source.size - offset);
    const slice = { offset, length };
    yield await readSlice(source.file, Buffer.allocUnsafe(length), slice, { path: source.path, doing });
  }
}
