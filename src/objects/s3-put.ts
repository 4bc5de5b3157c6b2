import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { AkoshaError } from '../contract/index.js';
import { fileError, readSlice } from './local-files.js';
import type { PutFileResult } from './object-store.js';
import { type S3Connection, type S3Put, sendOptions, targetOf } from './s3-connection.js';
import { isConditionalConflict } from './s3-errors.js';
import { putInParts, resumeInParts } from './s3-multipart.js';
import { headObject } from './s3-read.js';
import { standsAlready } from './s3-resume.js';
import { putStream } from './s3-stream.js';
import { abortLeftovers } from './s3-uploads.js';

/**
 * Tries at a create-only put that S3 answers with "another one is in progress" and no winner yet: such a put lasts for
 * milliseconds, and after half a second of them the caller's own retry is the better place to wait.
 */
const CONFLICT_TRIES = 3;
const CONFLICT_WAIT_MS = 250;

/** Raises what the SDK raises, and `ObjectExists`. */
export function putBytes(connection: S3Connection, put: S3Put, body: Uint8Array): Promise<void> {
  const { contentType, createOnly } = put.options;
  const send = async (): Promise<void> => {
    await connection.client.send(
      new PutObjectCommand({
        ...targetOf(connection, put.key),
        Body: body,
        ...(contentType === undefined ? {} : { ContentType: contentType }),
        ...(createOnly === true ? { IfNoneMatch: '*' } : {}),
      }),
      sendOptions(put.signal, put.progress.ofPart(1, body.byteLength)),
    );
    put.progress.has(1, body.byteLength);
  };
  return createOnly === true ? settled(connection, put, send) : send();
}

/**
 * A file: whole where it is small, else in parts. A create-only put of a large file is one streamed request as long as S3 takes
 * it (5 GiB), because there the condition can be trusted: SeaweedFS 4.48 was seen to check that of CompleteMultipartUpload
 * without a lock, so that five racing puts of one key all "won", and never so that of PutObject.
 */
export async function putOpenFile(
  connection: S3Connection,
  put: S3Put,
  opened: { file: FileHandle; path: string },
): Promise<PutFileResult> {
  const { size } = await opened.file.stat().catch((error: unknown) => {
    throw fileError(error, put.doing, opened.path);
  });
  const source = { ...opened, size };
  const { createOnly, resume } = put.options;
  if (resume !== undefined && (await standsAlready(connection, put, source))) {
    put.progress.has(1, size);
    if (size > connection.partSize) await abortLeftovers(connection, put.key);
    return { bytesSent: 0 };
  }
  if (size <= connection.partSize) {
    const at = { path: opened.path, doing: put.doing };
    const body = await readSlice(opened.file, Buffer.allocUnsafe(size), { offset: 0, length: size }, at);
    await putBytes(connection, put, body);
    return { bytesSent: size };
  }
  if (createOnly !== true)
    return (resume === undefined ? putInParts : resumeInParts)(connection, put, source);
  // Saves the sending where the answer is known; the condition of the put decides.
  await raiseIfTaken(connection, put);
  await settled(connection, put, async () => {
    await (size <= connection.maxWhole ? putStream : putInParts)(connection, put, source);
  });
  return { bytesSent: size };
}

/** Repeats a create-only put while S3 cannot say which of several at the same time wins. */
async function settled(connection: S3Connection, put: S3Put, send: () => Promise<void>): Promise<void> {
  const { signal } = put;
  for (let tries = 1; ; tries += 1) {
    try {
      return await send();
    } catch (error) {
      if (!isConditionalConflict(error)) throw error;
      await raiseIfTaken(connection, put);
      if (tries === CONFLICT_TRIES) throw error;
      await sleep(CONFLICT_WAIT_MS, undefined, signal === undefined ? {} : { signal });
    }
  }
}

async function raiseIfTaken(connection: S3Connection, put: S3Put): Promise<void> {
  if ((await headObject(connection, put.key, put.signal)) === undefined) return;
  throw new AkoshaError('ObjectExists', `${put.doing}: the key is taken`, { details: { key: put.key } });
}
