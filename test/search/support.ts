import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ingestUpload, walkUploads } from '../../src/ingest/index.js';
import {
  moveChosen,
  moveToCold,
  moveToWarm,
  planTransition,
  sweep,
  type MaintenanceContext,
} from '../../src/maintenance/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { openEmbeddedStore, type MemoryStore } from '../../src/store/index.js';
import { openHost, syncDirectly } from '../../src/upload/index.js';
import { makeDatabase } from '../support/databases.js';
import { sharedReader } from '../support/shared-reader.js';

/** What ingest and transition take for now. */
export const NOW = Date.parse('2026-11-22T12:00:00Z');

const DAY_MS = 86_400_000;

/** Days before `NOW` at which a memory belongs in each tier. */
export const AGE = { hot: 1, warm: 30, cold: 200 } as const;

export interface TestMemory {
  id: string;
  content: string;
  daysOld: number;
  kind?: 'conversation' | 'reflection';
  project?: string;
  tags?: string[];
  vector?: Float32Array;
}

export interface TestStore {
  store: MemoryStore;
  /** Ingests memories of a system by the whole chain, from a DuckDB file; with `mirror` those that it lacks are deleted. */
  ingest(systemId: string, memories: readonly TestMemory[], options?: { mirror?: boolean }): Promise<void>;
  /** The same of database files. */
  ingestFiles(systemId: string, databases: readonly string[], options?: { mirror?: boolean }): Promise<void>;
  /** Moves everything to the tier it belongs in. */
  age(): Promise<void>;
  /** Brings what is cold of a system back to hot; returns how many memories that is. */
  thaw(systemId: string): Promise<number>;
  /** Where its objects are, its copies of them, and the file of its vector index. */
  readonly folders: { objects: string; cache: string; index: string };
  /** Closes the store and opens it again, as a restart does. */
  reopen(options?: { vectorIndexBytes?: number }): Promise<void>;
  close(): Promise<void>;
}

export async function openTestStore({ vectorIndexBytes = 0 } = {}): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-search-'));
  const scratch = join(folder, 'scratch');
  await mkdir(scratch);
  const objects = await openObjectStore(`file://${join(folder, 'objects')}`);
  const reader = sharedReader();
  const open = (options: { vectorIndexBytes?: number } = { vectorIndexBytes }): Promise<MemoryStore> =>
    openEmbeddedStore({
      dataFolder: folder,
      archive: objects,
      policy: { hotDays: 7, warmDays: 90, coldBatchRows: 1, coldOverdueDays: 0 },
      memoryMb: 256,
      ...options,
      coldCacheBytes: 2 ** 26,
      leaseMs: 900_000,
      hashFile: (path) => reader.hashFile(path),
      now: Date.now,
    });
  let store = await open();
  const clock = (): number => NOW;
  let uploads = 0;
  let files = 0;
  const ingestFiles: TestStore['ingestFiles'] = async (systemId, databases, { mirror = false } = {}) => {
    const uploadId = `upload-${++uploads}`;
    const place = { systemId, dataDir: join(folder, systemId), databases: [...databases], uploads: objects };
    const host = openHost({ ...place, reader, timeZone: 'UTC', now: clock });
    await syncDirectly(host, { uploadId });
    host.close();
    const mirrorSystems = mirror ? [systemId] : [];
    const context = { store, uploads: objects, reader, scratch, clock, mirrorSystems };
    const { added } = await walkUploads(context, () => undefined);
    for (const ref of added) await ingestUpload(context, ref);
  };
  const maintenance = (): MaintenanceContext => ({
    store,
    archive: objects,
    scratch,
    batchRows: 1000,
    thawedMs: 0,
    longestMs: 0,
    now: Date.now,
  });
  return {
    get store() {
      return store;
    },
    folders: { objects: join(folder, 'objects'), cache: join(folder, 'cache'), index: join(folder, 'index') },
    async ingest(systemId, memories, options) {
      const database = join(folder, `${systemId}-${++files}.duckdb`);
      await makeDatabase(database, ...sourceSql(memories));
      await ingestFiles(systemId, [database], options);
    },
    ingestFiles,
    async age() {
      const context = maintenance();
      while ((await moveToWarm(context, NOW)).due > 0);
      const { partitions } = await planTransition(context, { asOf: NOW, all: true });
      for (const partition of partitions) await moveToCold(context, NOW, partition);
      // The first sweep notes what nobody names, the second takes it: left where they were, the rows stay candidates.
      const later = { ...context, now: () => Date.now() + 1000 };
      await sweep(context);
      await sweep(later);
    },
    async thaw(systemId) {
      const step = { selection: { systemId }, from: 'cold', to: 'hot', after: null } as const;
      return (await moveChosen(maintenance(), step)).moved;
    },
    async reopen(options) {
      await store.close();
      store = await open(options);
    },
    async close() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Tables shaped like Session-Buddy's, as far as a search shows. */
function sourceSql(memories: readonly TestMemory[]): string[] {
  const rows = (kind: string): TestMemory[] =>
    memories.filter((memory) => (memory.kind ?? 'conversation') === kind);
  return [
    `CREATE TABLE conversations_v2 (id VARCHAR, content VARCHAR, embedding FLOAT[384], project VARCHAR, timestamp TIMESTAMP)`,
    `CREATE TABLE reflections_v2 (id VARCHAR, content VARCHAR, embedding FLOAT[384], project VARCHAR, created_at TIMESTAMP, tags VARCHAR[])`,
    ...rows('conversation').map((memory) => `INSERT INTO conversations_v2 VALUES (${columns(memory)})`),
    ...rows('reflection').map(
      (memory) =>
        `INSERT INTO reflections_v2 VALUES (${columns(memory)}, [${(memory.tags ?? []).map(quote).join(', ')}])`,
    ),
  ];
}

function columns({ id, content, vector, project, daysOld }: TestMemory): string {
  const time = new Date(NOW - daysOld * DAY_MS).toISOString().slice(0, 23);
  const embedding = vector === undefined ? 'NULL' : `[${[...vector].map(component).join(', ')}]`;
  return [
    quote(id),
    quote(content),
    embedding,
    project === undefined ? 'NULL' : quote(project),
    quote(time),
  ].join(', ');
}

function component(value: number): string {
  return Number.isNaN(value) ? `'nan'::FLOAT` : String(value);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A direction of its own for each seed: two of different seeds are nearly at right angles. Length 1. */
export function direction(seed: number): Float32Array {
  let state = seed * 2_654_435_761 + 1;
  const vector = Float32Array.from({ length: 384 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
  return scaled(vector);
}

/** Between two directions: `share` of 0 is the first, of 1 the second. */
export function between(a: Float32Array, b: Float32Array, share: number): Float32Array {
  return scaled(a.map((value, i) => value * (1 - share) + (b[i] ?? 0) * share));
}

function scaled(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
