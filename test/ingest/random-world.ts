import { createHash } from 'node:crypto';
import { cpSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { AkoshaError, manifestKey, uploadPrefix, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, type IngestContext } from '../../src/ingest/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { ReaderPool } from '../../src/reader/index.js';
import type { MemoryStore } from '../../src/store/index.js';
import { makeDatabase } from '../support/databases.js';
import { NOW, openStoreIn } from './support.js';

/** A database as a host stores it, and what it holds: texts by id. */
export interface HostFile {
  rows: Readonly<Record<string, string>>;
  raw: Buffer;
  stored: Buffer;
}

/**
 * The server's side of ingest, which can be restarted, can crash, and whose object store can go away. One for all sequences of a test: each
 * has systems of its own, and the reader, the databases and most of the time the store are there already.
 */
export class RandomWorld {
  /** While this is set no call of the object store succeeds: a fault, injected. */
  objectsAway = false;
  readonly #reader = new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 60_000 });
  #store: MemoryStore | undefined;
  #data: string;
  #restarts = 0;

  private constructor(
    readonly folder: string,
    readonly objects: ObjectStore,
  ) {
    this.#data = join(folder, 'data-0');
  }

  static async open(): Promise<RandomWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'akosha-random-'));
    await mkdir(join(folder, 'scratch'));
    const world = new RandomWorld(folder, await openObjectStore(`file://${join(folder, 'objects')}`));
    await world.#openStore();
    return world;
  }

  get store(): MemoryStore {
    if (this.#store === undefined) throw new Error('the store did not open');
    return this.#store;
  }

  get context(): IngestContext {
    return {
      store: this.store,
      uploads: this.#faulty(),
      reader: this.#reader,
      scratch: join(this.folder, 'scratch'),
      clock: () => NOW,
    };
  }

  get maintenance() {
    const scratch = join(this.folder, 'scratch');
    return {
      store: this.store,
      archive: this.objects,
      scratch,
      batchRows: 100,
      thawedMs: 0,
      longestMs: 0,
      now: Date.now,
    };
  }

  /**
   * Copies the store's files as they are at this moment, while nothing of it is at work: what a process that is killed now leaves. The copy
   * is what `restart` opens, so nothing that runs after the kill, a `finally` for one, counts.
   */
  copyAsKilled(): string {
    const copy = join(this.folder, `data-${++this.#restarts}`);
    cpSync(join(this.#data, 'store'), join(copy, 'store'), { recursive: true });
    return copy;
  }

  /** Closes the store, and opens it from its own files or from those of `copyAsKilled`. */
  async restart(copy = this.#data): Promise<void> {
    await this.store.close();
    this.#store = undefined;
    if (copy !== this.#data) {
      await rm(this.#data, { recursive: true });
      // It names this process, which is alive.
      await rm(join(copy, 'store', 'lock'), { force: true });
    }
    this.#data = copy;
    await this.#openStore();
  }

  async close(): Promise<void> {
    await this.#store?.close();
    await this.#reader.close();
    await this.objects.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A database with these conversations. */
  async file(rows: HostFile['rows']): Promise<HostFile> {
    const file = join(this.folder, 'host.duckdb');
    const values = Object.entries(rows).map(([id, text]) => `('${id}', '${text}')`);
    await makeDatabase(
      file,
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 VALUES ${values.join(', ')}`,
    );
    const raw = await readFile(file);
    await rm(file);
    return { rows, raw, stored: gzipSync(raw, { level: 1 }) };
  }

  async putFile(ref: UploadRef, content: Buffer): Promise<void> {
    await this.objects.put(`${uploadPrefix(ref)}reflection.duckdb.gz`, content);
  }

  /** From here on the upload is acknowledged. */
  async putManifest(ref: UploadRef, { raw, stored }: HostFile, of: UploadOrder): Promise<void> {
    const manifest = {
      format_version: 1,
      upload_id: ref.uploadId,
      system_id: ref.systemId,
      timestamp: new Date(of.createdAt).toISOString(),
      order: of.order,
      previous_order: of.previous,
      time_zone: 'UTC',
      files: [
        {
          name: 'reflection.duckdb.gz',
          path: `${uploadPrefix(ref)}reflection.duckdb.gz`,
          size_bytes: stored.length,
          compression: 'gzip',
          checksum: sha256(stored),
          raw_size_bytes: raw.length,
          raw_checksum: sha256(raw),
          rows: {},
        },
      ],
      omitted: [],
      metadata: { uploader: 'akosha', version: '0.1.0' },
    };
    await this.objects.put(manifestKey(ref), JSON.stringify(manifest), { createOnly: true });
  }

  /** Ingests what a system has in its queue, to the end. */
  async drain(systemId: string): Promise<void> {
    for (;;) {
      const next = await this.store.nextUpload(systemId);
      if (next === undefined) return;
      await ingestUpload(this.context, next);
    }
  }

  async #openStore(): Promise<void> {
    this.#store = await openStoreIn(this.#data, this.#faulty(), this.#reader);
  }

  #faulty(): ObjectStore {
    return new Proxy(this.objects, {
      get: (target, name): unknown => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (this.objectsAway) throw new AkoshaError('ObjectStoreUnavailable', `${String(name)}: injected`);
          return Reflect.apply(value, target, args);
        };
      },
    });
  }
}

export interface UploadOrder {
  order: number;
  previous: number | null;
  /** By the host's clock. */
  createdAt: number;
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
