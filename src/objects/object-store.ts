import type { CircuitBreakers } from '../runtime/index.js';

/** How a store is opened, beside where it is. A folder takes no notice of any of it. */
export interface ObjectStoreOptions {
  /** Of its circuit breaker, where it is told. Default `object-store`. */
  name?: string;
  /** Those of the process. By default the store's own is told nowhere. */
  breakers?: CircuitBreakers;
  /**
   * MiB of one part of a large file, where the URL names no `part_size_mb`. Default 5, which is also the least that S3 takes: less
   * counts as 5. A file of more than 10,000 such parts has larger ones. Two are in memory at a time, and of those over 8 MiB one.
   */
  partSizeMb?: number;
  /** The most that goes out, of all parts and puts of this store together. By default as much as the line takes. */
  bytesPerSecond?: number;
  /** Told of each request that lists, before it goes out, the SDK's own repetitions among them. */
  onListRequest?: (purpose: ListPurpose) => void;
}

/**
 * What a listing is for; a store bills each request, so each is counted by it. `order`: the numbers of a system's uploads;
 * `open`: what a store that is opened finds of an earlier one; `multipart`: parts and unfinished uploads.
 */
export type ListPurpose = 'inbox' | 'walk' | 'order' | 'sweep' | 'open' | 'multipart' | 'check' | 'other';

/** One object in a listing or a head. */
export interface ObjectInfo {
  key: string;
  /** Bytes as stored. */
  size: number;
  modifiedAt: Date;
}

export interface PutOptions {
  /**
   * Fail with `ObjectExists` if the key is taken. Atomic: of twenty racing puts one wins (on S3 a file over 5 GiB goes in
   * parts, and not every server but Amazon's keeps this promise there). `ObjectExists` may also mean this
   * very put, when an answer was lost on the way and the request repeated: a caller to whom that matters
   * compares what is there.
   */
  createOnly?: boolean;
  contentType?: string;
  signal?: AbortSignal;
  /** Called with the bytes sent so far, also within a request. It never goes back, and ends at the size of what was put. */
  onProgress?: (bytes: number) => void;
}

/** What becomes of the parts of a put that did not end. A folder has none. */
export interface ResumeOptions {
  /** The multipart upload that an earlier put of this key told `onUploadId`. By default it is looked for under the key. */
  uploadId?: string | undefined;
  /** Told, and awaited, before the first part of a new multipart upload goes out. */
  onUploadId?: ((uploadId: string) => Promise<void> | void) | undefined;
  /** What a signal that fires does with the parts that are there: remove them (the default), or keep them for another put. */
  onCancel?: 'abort' | 'keep' | undefined;
}

export interface PutFileOptions extends PutOptions {
  /**
   * Go on where an earlier put of this key stopped: nothing is sent where the key already holds these bytes, and of a large
   * file only the parts that are not there, each compared with the file by its checksum. What was sent stays when the put
   * fails. Not for create-only puts, which go in one request.
   */
  resume?: ResumeOptions;
  /** Fail, with `ObjectStoreUnavailable`, when for so long no byte has gone out and no answer came. A folder takes no notice. */
  stallMs?: number;
}

export interface PutFileResult {
  /** Of the file, and counted once also where the network made a part go twice. 0 where all of it was there. */
  bytesSent: number;
}

export interface ReadOptions {
  signal?: AbortSignal;
  /** Refuse, with `UploadUnreadable`, an object of more bytes. */
  maxBytes?: number;
}

/** S3 returns no more in one answer. */
export const DEFAULT_PAGE_SIZE = 1000;

export interface ListOptions {
  /**
   * Go on after this key (for `listFolders`, this segment) in the order of this store's listing. It need not exist. That order
   * is the bytes of the key in Amazon S3 and in a folder, but not in every S3 server: no cursor may rely on it across
   * keys of different shape.
   */
  startAfter?: string;
  /** Most objects in a page, 1 to 1,000. Default 1,000. */
  pageSize?: number;
  /** By default `other`. */
  purpose?: ListPurpose;
  signal?: AbortSignal;
}

export interface FolderPageOptions extends Omit<ListOptions, 'startAfter'> {
  /** Of an earlier page of the same prefix. */
  cursor?: string;
}

export interface ListPage {
  objects: ObjectInfo[];
}

export interface FolderPage {
  /** As in `listFolders`; may be empty. */
  folders: string[];
  /** By which this store gives the next page; null where this is the last. Of some hundred bytes, and safe to log. */
  cursor: string | null;
}

/**
 * A bucket or a folder. A key is segments joined by `/`, by one rule in every store: no segment is empty, `.`, `..` or longer
 * than 255 bytes, none holds a backslash or control character, the first is not `.tmp`, and the whole has at most
 * 1,024 bytes. Objects whose keys break it are in no listing.
 *
 * All methods raise `AkoshaError` with one of `ObjectNotFound`, `ObjectExists`, `ObjectStoreRefused`,
 * `ObjectStoreUnavailable`, `DiskFull`, `ObjectCorrupt` or `Cancelled`, naming the key, and `BadRequest` for a key against the rule.
 * A put that returned is durable and visible to every later get and list; one that raised `ObjectStoreUnavailable` or
 * `Cancelled` may have taken effect, and then wholly. No method tries for long: retries are the caller's.
 */
export interface ObjectStore {
  /** Without credentials: safe to log. */
  readonly url: string;
  /** A small object from memory. */
  put(key: string, body: Uint8Array | string, options?: PutOptions): Promise<void>;
  /**
   * A file, streamed; in parts where it is large. Memory stays bounded by a few parts whatever the file's size. Also raises
   * `BadRequest` where there is no such file and `SnapshotTorn` where it is seen to change meanwhile.
   */
  putFile(key: string, path: string, options?: PutFileOptions): Promise<PutFileResult>;
  /**
   * Removes the parts that puts of keys with a prefix left and nobody went on with, where the put began more than
   * `olderThanMs` ago and its key is not in `keep`. Returns how many puts that were; a folder has none.
   */
  abortStaleUploads(
    prefix: string,
    olderThanMs: number,
    keep: ReadonlySet<string>,
    options?: { signal?: AbortSignal },
  ): Promise<number>;
  /** A small object into memory. */
  get(key: string, options?: ReadOptions): Promise<Buffer>;
  /**
   * Streamed to a file at `path`, which is replaced when the whole object is there and left alone when that fails. Returns
   * the bytes written. The file is not synced.
   */
  getFile(key: string, path: string, options?: ReadOptions): Promise<number>;
  /** Undefined where there is no such object. S3 does not tell a missing bucket from a missing object here; `check` does. */
  head(key: string, options?: { signal?: AbortSignal }): Promise<ObjectInfo | undefined>;
  /** Pages of all keys that begin with a prefix, which may end inside a segment. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListPage>;
  /**
   * The distinct next path segments under a prefix that is `''` or ends in `/`, each with its trailing `/` and without the
   * prefix: `host-1/` under `systems/`. May name an empty folder.
   */
  listFolders(prefix: string, options?: ListOptions): AsyncIterable<string[]>;
  /**
   * One page of `listFolders`, for whoever goes on in another process: a cursor relies on no order of names. How long a store takes one
   * is its own affair; it raises `ListingExpired` for one that it does not take any more.
   */
  listFolderPage(prefix: string, options?: FolderPageOptions): Promise<FolderPage>;
  /** Deletes what exists; a missing key is no error. Where it fails, some of the keys may be gone. */
  delete(keys: readonly string[], options?: { signal?: AbortSignal }): Promise<void>;
  /** Cheap proof that the store answers and admits us; raises what a get would. */
  check(options?: { signal?: AbortSignal }): Promise<void>;
  /** Lets go of connections. Nothing may be called afterwards. */
  close(): Promise<void>;
}
