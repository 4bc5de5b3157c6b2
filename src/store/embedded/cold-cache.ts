import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { AkoshaError } from '../../contract/index.js';
import type { ObjectStore } from '../../objects/index.js';
import type { WrittenObject } from '../store.js';

export interface ColdCacheOptions {
  folder: string;
  archive: ObjectStore;
  maxBytes: number;
  hashFile: (path: string) => Promise<{ bytes: number; sha256: string }>;
}

/** Downloaded cold objects. Derived: deleting the folder costs downloads only. Least recently used out first. */
export class ColdCache {
  readonly #options: ColdCacheOptions;
  readonly #loading = new Map<string, Promise<string>>();
  readonly #inUse = new Map<string, number>();

  constructor(options: ColdCacheOptions) {
    this.#options = options;
  }

  /** Runs `work` on local copies of these objects, which stay until it is done. */
  async use<T>(objects: readonly WrittenObject[], work: (files: string[]) => Promise<T>): Promise<T> {
    const names = objects.map((object) => this.#file(object.name));
    for (const name of names) this.#inUse.set(name, (this.#inUse.get(name) ?? 0) + 1);
    try {
      return await work(await Promise.all(objects.map((object) => this.#ensure(object))));
    } finally {
      for (const name of names) {
        const uses = (this.#inUse.get(name) ?? 1) - 1;
        if (uses === 0) this.#inUse.delete(name);
        else this.#inUse.set(name, uses);
      }
    }
  }

  /** Takes over a file that was read back and verified, so that the first search need not fetch it again. */
  async adopt(object: WrittenObject, file: string): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true });
    await rename(file, this.#file(object.name));
  }

  async remove(name: string): Promise<void> {
    await rm(this.#file(name), { force: true });
  }

  #file(name: string): string {
    return path.join(this.#options.folder, `${createHash('sha256').update(name).digest('hex')}.parquet`);
  }

  #ensure(object: WrittenObject): Promise<string> {
    const file = this.#file(object.name);
    const running = this.#loading.get(file);
    if (running !== undefined) return running;
    const loading = this.#load(object, file).finally(() => this.#loading.delete(file));
    this.#loading.set(file, loading);
    return loading;
  }

  async #load(object: WrittenObject, file: string): Promise<string> {
    const found = await stat(file).catch(() => undefined);
    if (found?.size === object.bytes) {
      const now = new Date();
      await utimes(file, now, now);
      return file;
    }
    await mkdir(this.#options.folder, { recursive: true });
    const partial = `${file}.${randomUUID()}`;
    try {
      await this.#options.archive.getFile(object.name, partial);
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
    await this.#evict();
    return file;
  }

  async #evict(): Promise<void> {
    const names = await readdir(this.#options.folder);
    const files = await Promise.all(
      names.map(async (name) => {
        const file = path.join(this.#options.folder, name);
        const found = await stat(file).catch(() => undefined);
        return { file, bytes: found?.size ?? 0, usedAt: found?.mtimeMs ?? 0 };
      }),
    );
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { file, bytes } of files.sort((a, b) => a.usedAt - b.usedAt)) {
      if (total <= this.#options.maxBytes) return;
      if (this.#inUse.has(file) || !file.endsWith('.parquet')) continue;
      await rm(file, { force: true });
      total -= bytes;
    }
  }
}
