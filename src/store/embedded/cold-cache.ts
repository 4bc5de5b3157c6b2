import { createHash, randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { AkoshaError, isAkoshaError } from '../../contract/index.js';
import type { ObjectStore } from '../../objects/index.js';
import { syncFolder } from '../../runtime/index.js';
import type { WrittenObject } from '../store.js';

export interface ColdCacheOptions {
  /** The cache's alone: whatever else lies in it is deleted. */
  folder: string;
  archive: ObjectStore;
  /** Kept to but for files that a search uses at the moment. */
  maxBytes: number;
  hashFile: (path: string) => Promise<{ bytes: number; sha256: string }>;
}

/** Downloads at once: enough to fill a line, few enough that a search over years does not take every connection and descriptor. */
const DOWNLOADS = 8;

export interface UseOptions {
  /** Gives up the downloads, not the work. */
  signal?: AbortSignal | undefined;
  /**
   * Its downloads go before those that others wait for: of what reads the objects of some memories, and would else wait until a search
   * over years, which may have been given up long ago, has downloaded them all.
   */
  goesFirst?: boolean;
}

/** From so many objects on, one look at the folder is cheaper than one at each file: a search over years uses thousands. */
const LIST_FROM = 16;

/** Of what such a search uses it is noted on disk so often that it was: for a restart, which the order of use is known to by then to some minutes. */
const NOTE_MS = 600_000;

interface CachedFile {
  bytes: number;
  /** When its use was noted on disk, by the system's clock. */
  notedAt: number;
}

const CACHED = /^[0-9a-f]{64}\.parquet$/;

/** Downloaded cold objects. Derived: deleting the folder costs downloads only. Least recently used out first. */
export class ColdCache {
  readonly #options: ColdCacheOptions;
  /** The least recently used first. */
  readonly #files = new Map<string, CachedFile>();
  readonly #loading = new Map<string, Promise<string>>();
  readonly #removing = new Map<string, Promise<void>>();
  readonly #inUse = new Map<string, number>();
  /** Who waits until a file is not in use. */
  readonly #leaving = new Map<string, (() => void)[]>();
  /** Downloads that have no turn yet, in the order in which they came. */
  readonly #waiting: { file: string; start: () => void }[] = [];
  /** Files whose downloads go before the others that wait. */
  readonly #first = new Set<string>();
  #downloads = 0;
  #prepared: Promise<void> | undefined;

  constructor(options: ColdCacheOptions) {
    this.#options = options;
  }

  /**
   * Runs `work` on local copies of these objects, which stay until it is done. Raises `Cancelled` where the signal gave up a download.
   */
  async use<T>(
    objects: readonly WrittenObject[],
    work: (files: string[]) => Promise<T>,
    options: UseOptions = {},
  ): Promise<T> {
    const { signal } = options;
    const files = objects.map((object) => this.#file(object.name));
    for (const file of files) this.#inUse.set(file, (this.#inUse.get(file) ?? 0) + 1);
    try {
      await this.#prepare();
      // One listener for each object, of which a month may have hundreds.
      if (signal !== undefined) setMaxListeners(0, signal);
      // All settle before any may be evicted: a download that ends after its search failed would stay uncounted otherwise.
      const missing = objects.length < LIST_FROM ? objects : await this.#unnoted(objects);
      const loaded = await Promise.allSettled(missing.map((object) => this.#ensure(object, options)));
      for (const outcome of loaded) if (outcome.status === 'rejected') throw outcome.reason;
      return await work(files);
    } finally {
      for (const file of files) this.#release(file);
      await this.#evict();
    }
  }

  /** Takes over a file that was read back and verified, so that the first search need not fetch it again. */
  async adopt(object: WrittenObject, file: string): Promise<void> {
    await this.#prepare();
    await mkdir(this.#options.folder, { recursive: true });
    const cached = this.#file(object.name);
    try {
      await rename(file, cached);
    } catch {
      // On another file system, or without room: the first search fetches it, and what was verified counts all the same.
      return;
    }
    this.#touch(cached, object.bytes, Date.now());
    await this.#evict();
  }

  /** Deletes the files of these objects, each as soon as it is not in use: a search that reads one would fail, and it ends by itself. */
  async remove(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#removeFree(this.#file(name))));
  }

  /**
   * Deletes the files of all objects but these; of one that is in use, or comes just now, as soon as it is not. A download that outlived its
   * object, or the process that deleted it, leaves such a file.
   */
  async removeOthers(named: () => AsyncIterable<readonly string[]>): Promise<void> {
    await this.#prepare();
    // What is coming is among the files then.
    await Promise.allSettled([...this.#loading.values()]);
    const { folder } = this.#options;
    const found = (await readdir(folder)).filter((name) => CACHED.test(name));
    const others = new Set(found.map((name) => path.join(folder, name)));
    for await (const names of named()) for (const name of names) others.delete(this.#file(name));
    await Promise.all([...others].map((file) => this.#removeFree(file)));
    await syncFolder(folder);
  }

  async #removeFree(file: string): Promise<void> {
    while (this.#inUse.has(file)) await this.#released(file);
    await this.#remove(file);
  }

  #released(file: string): Promise<void> {
    return new Promise((resolve) => {
      this.#leaving.set(file, [...(this.#leaving.get(file) ?? []), resolve]);
    });
  }

  #file(name: string): string {
    return path.join(this.#options.folder, `${createHash('sha256').update(name).digest('hex')}.parquet`);
  }

  /** Finds what an earlier process left, before the first of this one's own files: later a partial one would be taken for a leftover. */
  #prepare(): Promise<void> {
    this.#prepared ??= this.#takeStock().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #takeStock(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true });
    const found: { file: string; bytes: number; usedAt: number }[] = [];
    for (const name of await readdir(this.#options.folder)) {
      const file = path.join(this.#options.folder, name);
      const { size, atimeMs } = await stat(file);
      if (CACHED.test(name)) found.push({ file, bytes: size, usedAt: atimeMs });
      else await rm(file, { recursive: true, force: true });
    }
    for (const { file, bytes, usedAt } of found.sort((a, b) => a.usedAt - b.usedAt))
      this.#touch(file, bytes, usedAt);
  }

  /** Marks as used those that are there, and returns the others, and those whose use is to be noted on disk again. */
  async #unnoted(objects: readonly WrittenObject[]): Promise<WrittenObject[]> {
    const listed = new Set(await readdir(this.#options.folder).catch(() => []));
    const since = Date.now() - NOTE_MS;
    return objects.filter((object) => {
      const file = this.#file(object.name);
      const cached = this.#files.get(file);
      if (cached?.bytes !== object.bytes || cached.notedAt < since) return true;
      if (!listed.has(path.basename(file))) return true;
      this.#touch(file, cached.bytes, cached.notedAt);
      return false;
    });
  }

  async #ensure(object: WrittenObject, options: UseOptions): Promise<string> {
    const { signal, goesFirst = false } = options;
    const file = this.#file(object.name);
    if (goesFirst) this.#first.add(file);
    const running = this.#loading.get(file);
    if (running !== undefined) {
      try {
        return await unlessAborted(running, signal);
      } catch (error) {
        // Given up by the use that began it, and still wanted by this one.
        if (!isAkoshaError(error, 'Cancelled') || signal?.aborted === true) throw error;
        return await this.#ensure(object, options);
      }
    }
    const loading = this.#load(object, file, signal).finally(() => {
      this.#loading.delete(file);
      this.#first.delete(file);
    });
    this.#loading.set(file, loading);
    return unlessAborted(loading, signal);
  }

  async #load(object: WrittenObject, file: string, signal: AbortSignal | undefined): Promise<string> {
    // Its eviction may have begun before it came into use, and a file that is about to go must not be found.
    await this.#removing.get(file);
    const found = await stat(file).catch(() => undefined);
    if (found?.size === object.bytes) {
      // The order of use survives a restart. Only the time of access: DuckDB forgets what it keeps of a file that was modified.
      await utimes(file, new Date(), found.mtime);
    } else {
      await this.#inTurn(file, () => this.#download(object, file, signal));
    }
    this.#touch(file, object.bytes, Date.now());
    return file;
  }

  async #download(object: WrittenObject, file: string, signal: AbortSignal | undefined): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true });
    const partial = `${file}.${randomUUID()}`;
    try {
      await this.#options.archive.getFile(object.name, partial, signal === undefined ? {} : { signal });
      const { sha256 } = await this.#options.hashFile(partial);
      if (sha256 !== object.sha256) {
        throw new AkoshaError(
          'ObjectCorrupt',
          `${object.name}: its SHA-256 is ${sha256}, the catalog says ${object.sha256}`,
        );
      }
      await rename(partial, file);
    } finally {
      await rm(partial, { force: true });
    }
  }

  /** Runs `download` when fewer than `DOWNLOADS` others do: first come first served, behind those that go first. */
  async #inTurn(file: string, download: () => Promise<void>): Promise<void> {
    if (this.#downloads < DOWNLOADS) this.#downloads++;
    // Whoever ends hands on its place, so that the count stays.
    else await new Promise<void>((start) => this.#waiting.push({ file, start }));
    try {
      await download();
    } finally {
      const first = this.#waiting.findIndex((waiting) => this.#first.has(waiting.file));
      const [next] = this.#waiting.splice(Math.max(0, first), 1);
      if (next === undefined) this.#downloads--;
      else next.start();
    }
  }

  #touch(file: string, bytes: number, notedAt: number): void {
    this.#files.delete(file);
    this.#files.set(file, { bytes, notedAt });
  }

  #release(file: string): void {
    const uses = (this.#inUse.get(file) ?? 1) - 1;
    if (uses > 0) {
      this.#inUse.set(file, uses);
      return;
    }
    this.#inUse.delete(file);
    for (const resolve of this.#leaving.get(file) ?? []) resolve();
    this.#leaving.delete(file);
  }

  async #evict(): Promise<void> {
    let total = 0;
    for (const { bytes } of this.#files.values()) total += bytes;
    const victims: string[] = [];
    for (const [file, { bytes }] of this.#files) {
      if (total <= this.#options.maxBytes) break;
      if (this.#inUse.has(file)) continue;
      victims.push(file);
      total -= bytes;
    }
    await Promise.all(victims.map((file) => this.#remove(file)));
  }

  #remove(file: string): Promise<void> {
    this.#files.delete(file);
    const removing = rm(file, { force: true }).finally(() => {
      if (this.#removing.get(file) === removing) this.#removing.delete(file);
    });
    this.#removing.set(file, removing);
    return removing;
  }
}

/** What a use that is given up leaves behind ends by itself: its download stops by the same signal, or is another use's. */
async function unlessAborted<T>(running: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return running;
  return new Promise<T>((resolve, reject) => {
    const giveUp = (): void =>
      reject(new AkoshaError('Cancelled', 'the download of a cold object was given up'));
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    void running.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
