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
  /** Called with the bytes sent so far, after each part. */
  onProgress?: (bytes: number) => void;
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
  signal?: AbortSignal;
}

export interface ListPage {
  objects: ObjectInfo[];
}

/**
 * A bucket or a folder. A key is segments joined by `/`, by one rule in every store: no segment is empty, `.`, `..` or longer
 * than 255 bytes, none holds a backslash or control character, the first is not `.tmp`, and the whole has at most
 * 1,024 bytes. Objects whose keys break it are in no listing.
 *
 * All methods raise `AkoshaError` with one of `ObjectNotFound`, `ObjectExists`, `ObjectStoreRefused`,
 * `ObjectStoreUnavailable`, `ObjectCorrupt` or `Cancelled`, naming the key, and `BadRequest` for a key against the rule.
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
  putFile(key: string, path: string, options?: PutOptions): Promise<void>;
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
  /** Deletes what exists; a missing key is no error. Where it fails, some of the keys may be gone. */
  delete(keys: readonly string[], options?: { signal?: AbortSignal }): Promise<void>;
  /** Cheap proof that the store answers and admits us; raises what a get would. */
  check(options?: { signal?: AbortSignal }): Promise<void>;
  /** Lets go of connections. Nothing may be called afterwards. */
  close(): Promise<void>;
}
