import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keyText, TIERS, type Tier, type UploadRef } from '../../../src/contract/index.js';
import { forgetIntake, ingestUpload, pollInbox, type IngestContext } from '../../../src/ingest/index.js';
import { moveToCold, type BackupContext, type ForgetContext } from '../../../src/maintenance/index.js';
import { EMBEDDING_MODEL } from '../../../src/memory/index.js';
import type { ObjectStore } from '../../../src/objects/index.js';
import type { ReaderPool } from '../../../src/reader/index.js';
import { search, type SearchAnswer, type SearchRequest } from '../../../src/search/index.js';
import { CatalogDatabase } from '../../../src/store/embedded/catalog/database.js';
import { openEmbeddedStore, type EngineOptions, type MemoryStore } from '../../../src/store/index.js';
import { direction } from '../../search/support.js';
import { mendArrival, putArrival, type Arrival, type Memory } from './arrival.js';
import { Model, type SavedModel } from './model.js';

/** Of operations. Less time passes between two attempts than that. */
const LEASE_MS = 600_000;

/** Where everything of a world is, and who reads for it. */
export interface WorldParts {
  /** The server's data folder. */
  data: string;
  /** As the server reaches them. */
  objects: ObjectStore;
  /** The same past what fails: a host's, or a check's. */
  direct: ObjectStore;
  reader: ReaderPool;
}

/** What is true of a world whichever process holds it. */
export interface WorldState {
  /** The system's clock and the setting's, in milliseconds since 1970. Moves only when told. */
  now: number;
  orders: Record<string, number>;
  /** On their way, and perhaps not all there. */
  coming: Arrival[];
  /** By system. Acknowledged, and not known to be through. */
  arrived: Record<string, Memory[][]>;
  /** The disk of the store is gone, and it is not rebuilt yet. */
  isLost: boolean;
  model: SavedModel;
}

/** All that a server works with. `onChange` is told of each change of its state before anything is done that depends on it. */
export class FaultWorld {
  readonly model: Model;
  readonly data: string;
  readonly objects: ObjectStore;
  readonly direct: ObjectStore;
  readonly reader: ReaderPool;
  readonly #state: Omit<WorldState, 'model'>;
  #store: MemoryStore | undefined;

  constructor(
    { data, objects, direct, reader }: WorldParts,
    state?: WorldState,
    private readonly onChange: () => void = () => undefined,
  ) {
    [this.data, this.objects, this.direct, this.reader] = [data, objects, direct, reader];
    const { model, ...rest } = state ?? newState();
    this.#state = rest;
    this.model = new Model(model, onChange);
  }

  get state(): WorldState {
    return { ...this.#state, model: this.model.saved() };
  }

  get now(): number {
    return this.#state.now;
  }

  set now(now: number) {
    this.#state.now = now;
    this.onChange();
  }

  get isLost(): boolean {
    return this.#state.isLost;
  }

  set isLost(isLost: boolean) {
    this.#state.isLost = isLost;
    this.onChange();
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

  /** An upload comes, and is acknowledged. `broken` is put in the place of what its manifest says. */
  async arrive(systemId: string, memories: readonly Memory[], broken?: Buffer): Promise<UploadRef> {
    const { orders, coming } = this.#state;
    const order = (orders[systemId] ?? 0) + 1;
    orders[systemId] = order;
    const content = broken?.toString('base64') ?? null;
    const arrival = { systemId, order, createdAt: this.now, memories, broken: content };
    coming.push(arrival);
    if (broken === undefined) this.acknowledged(systemId, memories);
    else this.onChange();
    const ref = await putArrival(this.direct, arrival);
    coming.splice(coming.indexOf(arrival), 1);
    this.onChange();
    return ref;
  }

  /** What was on its way when the process died: its host sends it again. */
  async comeAgain(): Promise<void> {
    const { coming } = this.#state;
    for (const arrival of coming.splice(0)) await putArrival(this.direct, arrival);
    this.onChange();
  }

  /** Puts right what lies in an upload's place. */
  async mend(ref: UploadRef, memories: readonly Memory[]): Promise<void> {
    await mendArrival(this.direct, ref, { memories, createdAt: this.now });
    this.acknowledged(ref.systemId, memories);
  }

  acknowledged(systemId: string, memories: readonly Memory[]): void {
    (this.#state.arrived[systemId] ??= []).push([...memories]);
    for (const { id, text } of memories) this.model.may(keyOf(systemId, id), text);
  }

  /** Queues what arrived, and ingests all of a system's. */
  async drain(systemId: string): Promise<void> {
    const uploads = this.#state.arrived[systemId] ?? [];
    await pollInbox(this.ingest);
    for (;;) {
      const next = await this.store.nextUpload(systemId);
      if (next === undefined) break;
      await ingestUpload(this.ingest, next);
    }
    for (const { id, text } of uploads.splice(0).flat()) this.model.is(keyOf(systemId, id), text);
    this.onChange();
  }

  /** Of all systems. */
  async drainAll(): Promise<void> {
    for (const systemId of Object.keys(this.#state.arrived)) await this.drain(systemId);
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

function newState(): WorldState {
  return {
    now: Date.parse('2026-11-22T12:00:00Z'),
    ...{ orders: {}, coming: [], arrived: {}, isLost: false, model: [] },
  };
}

export function keyOf(systemId: string, memoryId: string): string {
  return keyText({ systemId, kind: 'conversation', memoryId });
}
