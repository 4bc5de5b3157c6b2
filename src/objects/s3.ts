import { DeleteObjectsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { throwIfAborted } from './cancel.js';
import { assertFolder, assertKey, assertPrefix } from './keys.js';
import { openSource, saveAs } from './local-files.js';
import type {
  FolderPage,
  FolderPageOptions,
  ListOptions,
  ListPage,
  ObjectInfo,
  ObjectStore,
  ObjectStoreOptions,
  PutFileOptions,
  PutFileResult,
  PutOptions,
  ReadOptions,
} from './object-store.js';
import { connect, type S3Limits } from './s3-connect.js';
import { listingOptions, type S3Connection, type S3Put, sendOptions } from './s3-connection.js';
import { deleteError, describe, type S3Request, s3Error } from './s3-errors.js';
import { foldersOf, listAnswers, listFolderPage, objectsOf } from './s3-list.js';
import { PutProgress } from './s3-progress.js';
import { putBytes, putOpenFile } from './s3-put.js';
import { headObject, readObject } from './s3-read.js';
import { abortStale } from './s3-uploads.js';
import { assertResumable } from './shared.js';
import { stallWatch } from './stall.js';
import type { S3Location } from './url.js';

/** S3's limit for one DeleteObjects request. */
const DELETE_BATCH = 1000;

/**
 * Objects in a bucket of Amazon S3 or a server that speaks its protocol, with conditional writes (`If-None-Match: *` on
 * PutObject and CompleteMultipartUpload). Credentials: the AWS SDK's own chain. They need ListBucket beside GetObject, PutObject,
 * DeleteObject and AbortMultipartUpload: without it S3 answers 403 for a missing key. To resume puts they need
 * ListMultipartUploadParts and, where the caller keeps no id, ListBucketMultipartUploads.
 */
export class S3ObjectStore implements ObjectStore {
  readonly url: string;
  readonly #connection: S3Connection;

  constructor(location: S3Location, options: ObjectStoreOptions = {}, limits: Partial<S3Limits> = {}) {
    this.url = location.url;
    this.#connection = connect(location, options, limits);
  }

  async put(key: string, body: Uint8Array | string, options: PutOptions = {}): Promise<void> {
    assertKey(key);
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    await this.#put(key, options, (put) => putBytes(this.#connection, put, bytes));
  }

  async putFile(key: string, path: string, options: PutFileOptions = {}): Promise<PutFileResult> {
    assertKey(key);
    assertResumable(key, options);
    return this.#put(key, options, async (put) => {
      const file = await openSource(path, put.doing);
      try {
        return await putOpenFile(this.#connection, put, { file, path });
      } finally {
        await file.close();
      }
    });
  }

  async abortStaleUploads(
    prefix: string,
    olderThanMs: number,
    keep: ReadonlySet<string>,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<number> {
    assertPrefix(prefix);
    const stale = { prefix, begunBefore: Date.now() - olderThanMs, keep };
    return this.#run({ verb: 'abort uploads', key: prefix, signal }, () =>
      abortStale(this.#connection, stale, signal),
    );
  }

  async get(key: string, options: ReadOptions = {}): Promise<Buffer> {
    assertKey(key);
    return this.#run({ verb: 'get', key, signal: options.signal }, (doing) =>
      readObject(this.#connection, { key, doing, options }, async (chunks) => {
        const parts: Uint8Array[] = [];
        for await (const chunk of chunks) parts.push(chunk);
        return Buffer.concat(parts);
      }),
    );
  }

  async getFile(key: string, path: string, options: ReadOptions = {}): Promise<number> {
    assertKey(key);
    return this.#run({ verb: 'get', key, signal: options.signal }, (doing) =>
      readObject(this.#connection, { key, doing, options }, (chunks) => saveAs(path, chunks, doing)),
    );
  }

  async head(key: string, options: { signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    assertKey(key);
    return this.#run({ verb: 'head', key, signal: options.signal }, () =>
      headObject(this.#connection, key, options.signal),
    );
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListPage> {
    assertPrefix(prefix);
    try {
      for await (const answer of listAnswers(this.#connection, { prefix }, options)) {
        const objects = objectsOf(answer, this.#connection.location);
        if (objects.length > 0) yield { objects };
      }
    } catch (error) {
      throw s3Error(error, { verb: 'list', key: prefix, signal: options.signal }, this.#connection.location);
    }
  }

  async *listFolders(prefix: string, options: ListOptions = {}): AsyncGenerator<string[]> {
    assertFolder(prefix);
    const { startAfter, ...rest } = options;
    // S3 starts after a key, and the keys inside the folder come after its name: that one folder comes again.
    const from = startAfter === undefined ? rest : { ...rest, startAfter: prefix + startAfter };
    try {
      for await (const answer of listAnswers(this.#connection, { prefix, delimiter: '/' }, from)) {
        const all = foldersOf(answer, this.#connection.location, prefix);
        const folders = all.filter((folder) => folder !== startAfter);
        if (folders.length > 0) yield folders;
      }
    } catch (error) {
      throw s3Error(error, { verb: 'list', key: prefix, signal: options.signal }, this.#connection.location);
    }
  }

  async listFolderPage(prefix: string, options: FolderPageOptions = {}): Promise<FolderPage> {
    assertFolder(prefix);
    return this.#run({ verb: 'list', key: prefix, signal: options.signal }, () =>
      listFolderPage(this.#connection, prefix, options),
    );
  }

  async delete(keys: readonly string[], options: { signal?: AbortSignal } = {}): Promise<void> {
    keys.forEach(assertKey);
    for (let start = 0; start < keys.length; start += DELETE_BATCH) {
      const batch = keys.slice(start, start + DELETE_BATCH);
      const first = batch[0] ?? '';
      await this.#run({ verb: 'delete', key: first, signal: options.signal }, () =>
        this.#deleteBatch(batch, options),
      );
    }
  }

  /** By a listing of one key, because the permission to list may be granted for the prefix alone. */
  async check(options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#run({ verb: 'check', key: '', signal: options.signal }, async () => {
      const { client, location } = this.#connection;
      const command = new ListObjectsV2Command({
        Bucket: location.bucket,
        Prefix: location.prefix,
        MaxKeys: 1,
      });
      await client.send(command, listingOptions(options.signal, 'check'));
    });
  }

  close(): Promise<void> {
    this.#connection.client.destroy();
    return Promise.resolve();
  }

  async #deleteBatch(keys: readonly string[], options: { signal?: AbortSignal }): Promise<void> {
    const { client, location } = this.#connection;
    const objects = [...new Set(keys)].map((key) => ({ Key: location.prefix + key }));
    const answer = await client.send(
      new DeleteObjectsCommand({ Bucket: location.bucket, Delete: { Objects: objects, Quiet: true } }),
      sendOptions(options.signal),
    );
    for (const failure of answer.Errors ?? []) {
      const error = deleteError(failure, location);
      if (error !== undefined) throw error;
    }
  }

  /** A stall comes out of the SDK as an abort, as does the caller's signal: the watch knows which. */
  async #put<Result>(
    key: string,
    options: PutFileOptions,
    work: (put: S3Put) => Promise<Result>,
  ): Promise<Result> {
    return this.#run({ verb: 'put', key, signal: options.signal }, async (doing) => {
      const watch = stallWatch(options.stallMs, options.signal, doing);
      const progress = new PutProgress(options.onProgress, watch.moved);
      try {
        return await work({ key, doing, options, signal: watch.signal, progress });
      } catch (error) {
        throw watch.error() ?? error;
      } finally {
        watch.release();
      }
    });
  }

  async #run<Result>(request: S3Request, work: (doing: string) => Promise<Result>): Promise<Result> {
    const doing = describe(request, this.#connection.location);
    try {
      throwIfAborted(request.signal, doing);
      return await work(doing);
    } catch (error) {
      throw s3Error(error, request, this.#connection.location);
    }
  }
}
