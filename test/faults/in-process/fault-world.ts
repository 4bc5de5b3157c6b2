import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import {
  inboxKey,
  keyText,
  manifestKey,
  TIERS,
  uploadPrefix,
  type Tier,
  type UploadRef,
} from '../../../src/contract/index.js';
import { forgetIntake, ingestUpload, pollInbox, type IngestContext } from '../../../src/ingest/index.js';
import { moveToCold, type BackupContext, type ForgetContext } from '../../../src/maintenance/index.js';
import { EMBEDDING_MODEL } from '../../../src/memory/index.js';
import type { ObjectStore } from '../../../src/objects/index.js';
import type { ReaderPool } from '../../../src/reader/index.js';
import { search, type SearchAnswer, type SearchRequest } from '../../../src/search/index.js';
import { CatalogDatabase } from '../../../src/store/embedded/catalog/database.js';
import { openEmbeddedStore, type EngineOptions, type MemoryStore } from '../../../src/store/index.js';
import { direction } from '../../search/support.js';
import { type SmallDisk, smallDisk } from '../../support/small-disk.js';
import { SnapshotsInProcess } from './in-process.js';
import { Model } from './model.js';

export const DAY = 86_400_000;

/** What everything needs at once, several times over, and little enough to be filled in milliseconds. */
const DISK_MB = 28;

/** Of operations. Less time passes between two attempts than that. */
const LEASE_MS = 600_000;

/** A memory as a host has it. `age`: days, by which it is of a tier. */
export interface Memory {
  id: string;
  text: string;
  age: number;
}

/** An object store, by the way that may fail and by another one. */
export interface Objects {
  objects: ObjectStore;
  direct: ObjectStore;
}

/** All that a server works with, its data folder on a disk that can be full. */
export class FaultWorld {
  readonly model = new Model();
  /** The system's clock and the setting's. Moves only when told. */
  now = Date.parse('2026-11-22T12:00:00Z');
  #store: MemoryStore | undefined;
  readonly #orders = new Map<string, number>();
  /** Arrived, and not known to be through. */
  readonly #arrived = new Map<string, Memory[][]>();

  private constructor(
    readonly data: string,
    readonly disk: SmallDisk,
    /** As the server reaches it. */
    readonly objects: ObjectStore,
    /** The same past what fails: a host's, or a check's. */
    readonly direct: ObjectStore,
    readonly reader: ReaderPool,
  ) {}

  /** Its objects are reached as `openObjects` says. */
  static async open(openObjects: (folder: string) => Promise<Objects>): Promise<FaultWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'akosha-faults-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const data = join(folder, 'data');
    const disk = await smallDisk(data, DISK_MB);
    const { objects, direct } = await openObjects(folder);
    await mkdir(join(data, 'readers'));
    await mkdir(join(data, 'scratch'));
    const reader = new SnapshotsInProcess({
      size: 2,
      memoryLimitMb: 256,
      jobTimeoutMs: 30_000,
      folder: join(data, 'readers'),
    });
    onTestFinished(() => reader.close());
    const world = new FaultWorld(data, disk, objects, direct, reader);
    await world.openStore();
    onTestFinished(() => world.closeStore());
    return world;
  }

  get store(): MemoryStore {
    if (this.#store === undefined) throw new Error('the store is closed');
    return this.#store;
  }

  get isServing(): boolean {
    return this.#store !== undefined;
  }

  get engineOptions(): EngineOptions {
    return {
      dataFolder: this.data,
      archive: this.objects,
      policy: { hotDays: 7, warmDays: 90, coldBatchRows: 1000, coldOverdueDays: 7, retentionDays: 2_557 },
      memoryMb: 256,
      coldCacheBytes: 2 ** 22,
      leaseMs: LEASE_MS,
      hashFile: (file) => this.reader.hashFile(file),
      now: () => this.now,
    };
  }

  async openStore(): Promise<void> {
    this.#store = await openEmbeddedStore({ ...this.engineOptions, vectorIndexBytes: 2 ** 26 });
  }

  async closeStore(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
  }

  /** Until the vector index has all. One that a fault or a repair met is tried again in a minute, or by the next server: by this one here. */
  async indexed(): Promise<void> {
    for (;;) {
      const [index] = await this.store.vectorIndexes();
      if (index?.state === 'ready') return;
      if (index?.state === 'failed') {
        await this.closeStore();
        await this.openStore();
      }
      await sleep(10);
    }
  }

  get scratch(): string {
    return join(this.data, 'scratch');
  }

  get ingest(): IngestContext {
    const { store, objects, reader, scratch } = this;
    return { store, uploads: objects, reader, scratch, clock: () => this.now };
  }

  get maintenance(): ForgetContext {
    return {
      store: this.store,
      archive: this.objects,
      uploads: this.objects,
      scratch: this.scratch,
      batchRows: 1000,
      thawedMs: 0,
      longestMs: 0,
      now: () => this.now,
      intake: forgetIntake(this.ingest),
      dropDerived: () => undefined,
    };
  }

  get backup(): BackupContext {
    const { store, objects, reader, scratch } = this;
    return { store, archive: objects, scratch, hashFile: (file) => reader.hashFile(file), keep: 2 };
  }

  /** From here on it is acknowledged: files, manifest, inbox entry. `content` is put in the place of what the manifest says. */
  async arrive(systemId: string, memories: readonly Memory[], content?: Buffer): Promise<UploadRef> {
    const order = (this.#orders.get(systemId) ?? 0) + 1;
    this.#orders.set(systemId, order);
    const ref = { systemId, uploadId: `${systemId}-${order}` };
    const file = fileOf(memories, this.now);
    await this.direct.put(`${uploadPrefix(ref)}${file.name}`, content ?? file.stored);
    await this.direct.put(manifestKey(ref), manifestOf(ref, { order, createdAt: this.now, file }));
    await this.direct.put(inboxKey(ref), '');
    if (content === undefined) this.acknowledged(systemId, memories);
    return ref;
  }

  /** Puts right what lies in an upload's place. */
  async mend(ref: UploadRef, memories: readonly Memory[]): Promise<void> {
    const file = fileOf(memories, this.now);
    await this.direct.put(`${uploadPrefix(ref)}${file.name}`, file.stored);
    this.acknowledged(ref.systemId, memories);
  }

  acknowledged(systemId: string, memories: readonly Memory[]): void {
    this.#arrived.set(systemId, [...(this.#arrived.get(systemId) ?? []), [...memories]]);
    for (const { id, text } of memories) this.model.may(keyOf(systemId, id), text);
  }

  /** Queues what arrived, and ingests all of a system's. */
  async drain(systemId: string): Promise<void> {
    const uploads = this.#arrived.get(systemId) ?? [];
    await pollInbox(this.ingest);
    for (;;) {
      const next = await this.store.nextUpload(systemId);
      if (next === undefined) break;
      await ingestUpload(this.ingest, next);
    }
    for (const { id, text } of uploads.splice(0).flat()) this.model.is(keyOf(systemId, id), text);
  }

  /** Arrives, and is ingested. */
  async bring(systemId: string, memories: readonly Memory[]): Promise<UploadRef> {
    const ref = await this.arrive(systemId, memories);
    await this.drain(systemId);
    return ref;
  }

  /** To cold, what is old enough for it as of then. */
  async toCold(asOf = this.now): Promise<void> {
    for (const partition of await this.store.coldPartitionsDue(asOf, true))
      await moveToCold(this.maintenance, asOf, partition);
  }

  search(sort: SearchRequest['sort']): Promise<SearchAnswer> {
    const embedder = {
      embedQuery: () => Promise.resolve({ model: EMBEDDING_MODEL, values: direction(1) }),
    };
    return search(
      { store: this.store, embedder, timeoutMs: 10_000, clock: () => this.now },
      { text: 'memory', limit: 1000, sort },
    );
  }

  /** Where the catalog says that memories are. */
  places(): Map<string, Tier> {
    const database = new CatalogDatabase(join(this.data, 'store/catalog.db'), 'read');
    const rows = database.all<{ system_id: string; memory_id: string; tier: Tier }>(
      'SELECT system_id, memory_id, tier FROM placements WHERE deleted = 0',
    );
    database.close();
    return new Map(rows.map(({ system_id, memory_id, tier }) => [keyOf(system_id, memory_id), tier]));
  }

  /** What each tier has, one after the other: a memory that two have is in both. */
  async perTier(): Promise<Record<string, string>[]> {
    const keys = [...this.places().keys()].map((key) => {
      const [systemId = '', , memoryId = ''] = key.split('/');
      return { systemId, kind: 'conversation' as const, memoryId };
    });
    const found = await Promise.all(TIERS.map((tier) => this.store.fetch(keys, [tier])));
    return found.map((memories) =>
      Object.fromEntries(memories.map((memory) => [keyText(memory), memory.content])),
    );
  }
}

export function keyOf(systemId: string, memoryId: string): string {
  return keyText({ systemId, kind: 'conversation', memoryId });
}

interface StoredFile {
  name: string;
  raw: Buffer;
  stored: Buffer;
}

function fileOf(memories: readonly Memory[], now: number): StoredFile {
  const conversations = memories.map(({ id, text, age }) => ({
    id,
    content: text,
    timestamp: new Date(now - age * DAY).toISOString(),
    embedding: [...direction(text.length)].map((x) => Number(x.toFixed(3))),
  }));
  const raw = Buffer.from(JSON.stringify({ conversations }));
  return { name: 'memories.json.gz', raw, stored: gzipSync(raw, { level: 1 }) };
}

function manifestOf(
  ref: UploadRef,
  { order, createdAt, file }: { order: number; createdAt: number; file: StoredFile },
): string {
  return JSON.stringify({
    format_version: 1,
    upload_id: ref.uploadId,
    system_id: ref.systemId,
    timestamp: new Date(createdAt).toISOString(),
    order,
    previous_order: order === 1 ? null : order - 1,
    time_zone: 'UTC',
    files: [
      {
        name: file.name,
        path: `${uploadPrefix(ref)}${file.name}`,
        size_bytes: file.stored.length,
        compression: 'gzip',
        checksum: sha256(file.stored),
        raw_size_bytes: file.raw.length,
        raw_checksum: sha256(file.raw),
        rows: {},
      },
    ],
    omitted: [],
    metadata: { uploader: 'akosha', version: '0.1.0' },
  });
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
