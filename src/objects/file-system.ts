import { randomUUID } from 'node:crypto';
import {
  access,
  constants,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  rm,
  unlink,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AkoshaError } from '../contract/index.js';
import { throwIfAborted } from './cancel.js';
import { objectExists, pruneUpwards, publish, syncUpwards } from './file-publish.js';
import { readEntries, walkFiles } from './file-walk.js';
import { assertFolder, assertKey, assertPrefix, compareKeys, TEMP_FOLDER } from './keys.js';
import {
  codeOf,
  fileError,
  isMissing,
  notFound,
  openSource,
  readChunks,
  saveAs,
  type WriteOptions,
  writeNewFile,
} from './local-files.js';
import {
  DEFAULT_PAGE_SIZE,
  type FolderPage,
  type FolderPageOptions,
  type ListOptions,
  type ListPage,
  type ObjectInfo,
  type ObjectStore,
  type PutFileOptions,
  type PutFileResult,
  type PutOptions,
  type ReadOptions,
} from './object-store.js';
import { assertResumable, assertSize, eachAtOnce, inPages, pageByName } from './shared.js';
import type { FileLocation } from './url.js';

/** A file that nobody wrote to for so long belongs to a process that died: no single put pauses for a day. */
const STALE_TEMP_MS = 24 * 60 * 60 * 1000;

/** Twice the threads that Node gives to file system calls: enough to keep them busy, without opening files by the thousand. */
const CALLS_AT_ONCE = 8;

/**
 * Objects as files under one folder, `<root>/<key>`; unfinished ones in `<root>/.tmp`. Several processes may use the folder
 * at once. It needs a local file system with hard links and case-sensitive names, as Linux has; what it writes has the
 * permissions the process's umask leaves. Key `a` excludes `a/b`.
 */
export class FileObjectStore implements ObjectStore {
  readonly url: string;
  readonly #root: string;
  readonly #temp: string;
  #prepared: Promise<void> | undefined;

  constructor(location: FileLocation) {
    this.url = location.url;
    this.#root = location.root;
    this.#temp = join(location.root, TEMP_FOLDER);
  }

  async put(key: string, body: Uint8Array | string, options: PutOptions = {}): Promise<void> {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    await this.#put(key, options, (temp, writing) => writeNewFile(temp, [bytes], writing));
  }

  async putFile(key: string, path: string, options: PutFileOptions = {}): Promise<PutFileResult> {
    assertResumable(key, options);
    let bytesSent = 0;
    await this.#put(key, options, async (temp, writing) => {
      const { doing } = writing;
      const source = await openSource(path, doing);
      try {
        const { size } = await source.stat();
        const chunks = readChunks(source, { path, doing, signal: options.signal });
        bytesSent = await writeNewFile(temp, chunks, writing);
        if (bytesSent !== size) {
          throw new AkoshaError('SnapshotTorn', `${doing}: ${path} changed while it was being copied`);
        }
      } finally {
        await source.close();
      }
    });
    return { bytesSent };
  }

  /** There are none: what dead processes left unfinished is cleared when the folder is opened. */
  async abortStaleUploads(prefix: string): Promise<number> {
    assertPrefix(prefix);
    return Promise.resolve(0);
  }

  async get(key: string, options: ReadOptions = {}): Promise<Buffer> {
    const doing = this.#doing('get', key);
    return this.#read(key, doing, options, async (file) => {
      try {
        return await file.readFile(options.signal === undefined ? {} : { signal: options.signal });
      } catch (error) {
        throw fileError(error, doing, this.#path(key));
      }
    });
  }

  async getFile(key: string, path: string, options: ReadOptions = {}): Promise<number> {
    const doing = this.#doing('get', key);
    return this.#read(key, doing, options, (file) =>
      saveAs(path, readChunks(file, { path: this.#path(key), doing, signal: options.signal }), doing),
    );
  }

  async head(key: string, options: { signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    assertKey(key);
    throwIfAborted(options.signal, this.#doing('head', key));
    return this.#info(key);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListPage> {
    assertPrefix(prefix);
    const doing = this.#doing('list', prefix);
    const keys = walkFiles(this.#root, prefix, options.startAfter ?? '');
    try {
      for await (const page of inPages(keys, options.pageSize ?? DEFAULT_PAGE_SIZE)) {
        throwIfAborted(options.signal, doing);
        const infos = new Map<string, ObjectInfo>();
        await eachAtOnce(page, CALLS_AT_ONCE, async (key) => {
          const info = await this.#info(key);
          if (info !== undefined) infos.set(key, info);
        });
        yield { objects: page.flatMap((key) => infos.get(key) ?? []) };
      }
    } catch (error) {
      throw fileError(error, doing, this.#root);
    }
  }

  async *listFolders(prefix: string, options: ListOptions = {}): AsyncGenerator<string[]> {
    assertFolder(prefix);
    const doing = this.#doing('list', prefix);
    throwIfAborted(options.signal, doing);
    try {
      const folders = (await readEntries(this.#root, prefix))
        .filter((entry) => entry.endsWith('/'))
        .map((entry) => entry.slice(prefix.length))
        .filter((name) => compareKeys(name, options.startAfter ?? '') > 0);
      yield* inPages(folders, options.pageSize ?? DEFAULT_PAGE_SIZE);
    } catch (error) {
      throw fileError(error, doing, this.#root);
    }
  }

  /** The cursor is a name: the order is the bytes of the name here, and this store's own. */
  listFolderPage(prefix: string, { cursor, ...options }: FolderPageOptions = {}): Promise<FolderPage> {
    const from = cursor === undefined ? options : { ...options, startAfter: cursor };
    return pageByName(this.listFolders(prefix, from), options.pageSize ?? DEFAULT_PAGE_SIZE);
  }

  async delete(keys: readonly string[], options: { signal?: AbortSignal } = {}): Promise<void> {
    keys.forEach(assertKey);
    const folders = new Set<string>();
    await eachAtOnce(keys, CALLS_AT_ONCE, async (key) => {
      throwIfAborted(options.signal, this.#doing('delete', key));
      await this.#unlink(key);
      folders.add(dirname(this.#path(key)));
    });
    await eachAtOnce([...folders], CALLS_AT_ONCE, (folder) =>
      pruneUpwards(folder, this.#root, `delete in ${this.url}`),
    );
  }

  /** Makes the folder if it is missing. */
  async check(options: { signal?: AbortSignal } = {}): Promise<void> {
    const doing = `check ${this.url}`;
    throwIfAborted(options.signal, doing);
    await this.#prepare();
    try {
      await access(this.#root, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw fileError(error, doing, this.#root);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #put(
    key: string,
    options: PutOptions,
    write: (temp: string, writing: WriteOptions) => Promise<unknown>,
  ): Promise<void> {
    assertKey(key);
    const doing = this.#doing('put', key);
    const createOnly = options.createOnly === true;
    throwIfAborted(options.signal, doing);
    await this.#preparedOnce();
    // Saves the writing where the answer is known; the link below decides.
    if (createOnly && (await this.#info(key)) !== undefined) throw objectExists(key, doing);
    const temp = join(this.#temp, randomUUID());
    try {
      await write(temp, { doing, sync: true, onProgress: options.onProgress });
      throwIfAborted(options.signal, doing);
      await publish({ temp, target: this.#path(key), root: this.#root, createOnly, key, doing });
    } catch (error) {
      // Should the folder have been moved or removed under us, the caller's next try makes it anew.
      this.#prepared = undefined;
      throw error;
    } finally {
      await rm(temp, { force: true });
    }
  }

  async #read<Result>(
    key: string,
    doing: string,
    options: ReadOptions,
    use: (file: FileHandle) => Promise<Result>,
  ): Promise<Result> {
    assertKey(key);
    throwIfAborted(options.signal, doing);
    const file = await this.#open(key, doing);
    try {
      const info = await file.stat();
      if (!info.isFile()) throw notFound(key, doing);
      assertSize(info.size, options.maxBytes, doing);
      return await use(file);
    } finally {
      await file.close();
    }
  }

  async #open(key: string, doing: string): Promise<FileHandle> {
    try {
      return await open(this.#path(key), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      // ELOOP: a symbolic link, which no listing shows either.
      if (isMissing(error) || codeOf(error) === 'ELOOP') throw notFound(key, doing);
      throw fileError(error, doing, this.#path(key));
    }
  }

  async #info(key: string): Promise<ObjectInfo | undefined> {
    try {
      const info = await lstat(this.#path(key));
      return info.isFile() ? { key, size: info.size, modifiedAt: info.mtime } : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError(error, this.#doing('head', key), this.#path(key));
    }
  }

  async #unlink(key: string): Promise<void> {
    try {
      await unlink(this.#path(key));
    } catch (error) {
      // EISDIR, or EPERM on some systems: the name is a folder's, so there is no such object.
      if (isMissing(error) || (await this.#info(key)) === undefined) return;
      throw fileError(error, this.#doing('delete', key), this.#path(key));
    }
  }

  #preparedOnce(): Promise<void> {
    this.#prepared ??= this.#prepare().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  /** Makes the root and its folder of unfinished files, durably, and clears that of what dead processes left. */
  async #prepare(): Promise<void> {
    const doing = `open ${this.url}`;
    try {
      const made = await mkdir(this.#temp, { recursive: true });
      if (made !== undefined) await syncUpwards(this.#temp, dirname(made), doing);
      for (const name of await readdir(this.#temp)) {
        const path = join(this.#temp, name);
        const info = await lstat(path).catch(() => undefined);
        if (info !== undefined && Date.now() - info.mtimeMs > STALE_TEMP_MS) await rm(path, { force: true });
      }
    } catch (error) {
      throw fileError(error, doing, this.#temp);
    }
  }

  #path(key: string): string {
    return join(this.#root, key);
  }

  #doing(verb: string, key: string): string {
    return `${verb} ${JSON.stringify(key)} in ${this.url}`;
  }
}
