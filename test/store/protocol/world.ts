import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import type {
  ColdPartition,
  DrillReport,
  ForgetScope,
  Kind,
  RetentionBatch,
  RetentionCursor,
  RowCounts,
  ScrubCursor,
  ScrubPortion,
  ScrubReport,
} from '../../../src/contract/index.js';
import type { DrillContext, ForgetContext, Rebuilt, ScrubContext } from '../../../src/maintenance/index.js';
import type { Receipt } from '../../../src/memory/index.js';
import type {
  EngineOptions,
  FoundUpload,
  IngestOperation,
  KnownList,
  MemoryStore,
  StoredMemory,
  WrittenObject,
} from '../../../src/store/index.js';
import type { ObjectStore } from '../../../src/objects/index.js';
import type { Library } from './library.js';

export const SYSTEM = 'host-1';
export const NOW = Date.parse('2026-11-22T12:00:00Z');
export const DAY = 86_400_000;

/** A memory as a scenario writes it: the text is the version. */
export interface Row {
  kind?: Kind;
  id: string;
  text: string;
  /** Days before `NOW`; 1 by default, so hot. */
  age?: number;
  project?: string;
  /** The greatest component of its vector, 1 by default. */
  peak?: number;
}

/** What the store listed of its conversations. */
export interface Listed {
  list: KnownList;
  memories: { pid: number; hash: string; id: string }[];
}

/**
 * One store on a temporary folder, driven step by step through its own interface. Time for leases and grace is the world's
 * own and moves only when told.
 */
export class World {
  store!: MemoryStore;
  archive!: ObjectStore;
  now = 1_000_000;
  /** The kinds that every upload holds, and those of which it deletes what it lacks. */
  covers: readonly Kind[] = ['conversation'];
  mirrors: readonly Kind[] = [];
  /** How long memories are kept, from the next opening on. */
  retentionDays = 2_557;
  #scratch = 0;

  private constructor(
    readonly library: Library,
    readonly folder: string,
  ) {}

  static async create(library: Library): Promise<World> {
    const world = new World(library, await mkdtemp(path.join(tmpdir(), 'akosha-world-')));
    await mkdir(path.join(world.folder, 'scratch'), { recursive: true });
    await world.open();
    return world;
  }

  async open(
    leaseMs = 900_000,
    options: { beginsEmpty?: boolean; memoryMb?: number; textCacheBytes?: number } = {},
  ): Promise<void> {
    this.archive = await this.library.objects.openObjectStore(`file://${this.folder}/objects`);
    this.store = await this.library.store.openEmbeddedStore({ ...this.#options(leaseMs), ...options });
  }

  #options(leaseMs = 900_000): EngineOptions {
    return {
      dataFolder: this.folder,
      archive: this.archive,
      policy: {
        hotDays: 7,
        warmDays: 90,
        coldBatchRows: 1000,
        coldOverdueDays: 7,
        retentionDays: this.retentionDays,
      },
      memoryMb: 512,
      coldCacheBytes: 1e9,
      leaseMs,
      hashFile,
      now: () => this.now,
    };
  }

  /** What the server puts beside an upload once it is receipted, and what the host had put before. */
  async putReceipt(uploadId: string): Promise<void> {
    await this.putManifest(uploadId);
    const record = await this.store.getUpload({ systemId: SYSTEM, uploadId });
    if (record === undefined) throw new Error(`${uploadId} is not on record`);
    const { order, rows, reader, mirrors, reason, state, forgottenRows } = record;
    const receipt: Receipt = {
      format_version: 1,
      upload_id: uploadId,
      system_id: SYSTEM,
      status: state === 'quarantined' ? 'quarantined' : 'ingested',
      ...{ order, rows, mirrors, reason, reader: reader ?? '', files: [] },
      ...(forgottenRows === 0 ? {} : { forgotten_rows: forgottenRows }),
      ingested_at: new Date(record.committedAt ?? NOW).toISOString(),
    };
    const key = this.library.contract.receiptKey({ systemId: SYSTEM, uploadId });
    await this.archive.put(key, JSON.stringify(receipt));
  }

  async putManifest(uploadId: string): Promise<void> {
    const record = await this.store.getUpload({ systemId: SYSTEM, uploadId });
    const key = this.library.contract.manifestKey({ systemId: SYSTEM, uploadId });
    await this.archive.put(key, JSON.stringify({ order: record?.order ?? 0 }));
  }

  async putTombstone(id: string): Promise<void> {
    const what = { scope: 'memory', system_id: SYSTEM, kind: 'conversation', memory_id: id };
    const tombstone = { format_version: 1, what, requested_at: new Date(NOW).toISOString() };
    await this.archive.put(`tombstones/${id}.json`, JSON.stringify(tombstone));
  }

  /** All that is old enough for it. */
  async moveAllToCold(): Promise<void> {
    for (const partition of await this.store.coldPartitionsDue(NOW, true))
      await this.library.maintenance.moveToCold(this.maintenance(), NOW, partition);
  }

  backup(): Promise<{ key: string | null; rows: number }> {
    const scratch = path.join(this.folder, 'scratch');
    return this.library.maintenance.takeBackup({
      store: this.store,
      archive: this.archive,
      scratch,
      hashFile,
      keep: 2,
    });
  }

  /** The disk is gone. */
  async lose(): Promise<void> {
    await this.store.close();
    for (const name of ['store', 'cache'])
      await rm(path.join(this.folder, name), { recursive: true, force: true });
  }

  /** The store anew from what stands in object storage, and open. */
  async rebuild(
    options: Partial<Parameters<Library['maintenance']['rebuildStore']>[0]> = {},
  ): Promise<Rebuilt> {
    const rebuild = await this.library.store.openRebuild({ ...this.#options(), asOf: NOW });
    const rebuilt = await this.library.maintenance
      .rebuildStore({
        rebuild,
        uploads: this.archive,
        archive: this.archive,
        scratch: path.join(this.folder, 'scratch'),
        readManifest: (place) => this.#readManifest(place.uploadId),
        hashFile,
        longestMs: 0,
        oldServerDeadSince: null,
        skipDamaged: false,
        now: () => this.now,
        onProgress: () => undefined,
        onDamaged: () => undefined,
        ...options,
      })
      .finally(() => rebuild.close());
    await this.open();
    return rebuilt;
  }

  async #readManifest(uploadId: string): Promise<FoundUpload> {
    const bytes = await this.archive.get(this.library.contract.manifestKey({ systemId: SYSTEM, uploadId }));
    const order = Number((JSON.parse(bytes.toString()) as { order: number }).order);
    return { systemId: SYSTEM, uploadId, order, previousOrder: null, manifestSha256: 'x', createdAt: NOW };
  }

  async destroy(): Promise<void> {
    await this.store.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Queues an upload as discovery would. */
  async register(uploadId: string, order: number, previousOrder: number | null = null): Promise<void> {
    await this.store.registerUploads([
      { systemId: SYSTEM, uploadId, order, previousOrder, manifestSha256: 'x', createdAt: NOW },
    ]);
  }

  /** What the store has of which an upload need not bring a row. */
  async list(uploadId: string): Promise<Listed | undefined> {
    const file = this.file('known');
    const bounds = { least: 0, most: 1000, mostBytes: 1e6 };
    const list = await this.store.listKnown({ systemId: SYSTEM, uploadId }, file, bounds);
    if (list === undefined) return undefined;
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    const memories = lines.map((line) => {
      const [pid, , hash = '', hex = ''] = line.split(',');
      return { pid: Number(pid), hash, id: Buffer.from(hex, 'hex').toString() };
    });
    return { list, memories };
  }

  /** Step 1 for an upload of these rows, of which those in the list are left out, as a reader does it. */
  async openIngest(uploadId: string, rows: readonly Row[], listed?: Listed): Promise<IngestOperation> {
    const isSame = ({ id, text }: Row, memory: Listed['memories'][number]): boolean =>
      memory.id === id && memory.hash === sha256(text);
    const memories = listed?.memories ?? [];
    const left = rows.filter((row) => !memories.some((memory) => isSame(row, memory)));
    const missing = memories.filter((memory) => !rows.some((row) => isSame(row, memory)));
    return this.store.openIngest({
      upload: { systemId: SYSTEM, uploadId },
      rowsFile: await this.rowsFile(left),
      keys: null,
      known: listed === undefined ? null : { list: listed.list, missing: missing.map(({ pid }) => pid) },
      covers: this.covers,
      mirrors: this.mirrors,
      refused: 0,
      files: [],
      reader: 'test',
      asOf: NOW,
    });
  }

  /** Steps 3 and 4. */
  async putJournal(operation: IngestOperation, uploadId: string): Promise<WrittenObject> {
    const file = this.file('journal');
    await operation.exportJournal(file);
    return operation.putObject({
      file,
      back: this.file('back'),
      name: (sha256) =>
        this.library.contract.journalKey({ systemId: SYSTEM, uploadId }, operation.opId, sha256),
      failPoint: 'ingest.after-journal-put',
    });
  }

  /** Steps 1 to 5 at once. */
  async commit(uploadId: string, rows: readonly Row[], listed?: Listed): Promise<RowCounts> {
    const operation = await this.openIngest(uploadId, rows, listed);
    try {
      if (operation.writes === 0) return await operation.commit(undefined);
      await operation.insertRows();
      return await operation.commit(await this.putJournal(operation, uploadId));
    } finally {
      await operation.close();
    }
  }

  /** Steps 6 and 7, without the objects that only a host reads. */
  async finish(uploadId: string): Promise<void> {
    await this.store.markReceipted({ systemId: SYSTEM, uploadId });
    await this.store.markDone({ systemId: SYSTEM, uploadId });
  }

  /** A whole ingest. */
  async ingest(
    uploadId: string,
    order: number,
    rows: readonly Row[],
    previous: number | null = null,
  ): Promise<RowCounts> {
    await this.register(uploadId, order, previous);
    const counts = await this.commit(uploadId, rows);
    await this.finish(uploadId);
    return counts;
  }

  async find(id: string): Promise<StoredMemory | undefined> {
    const key = { systemId: SYSTEM, kind: 'conversation', memoryId: id } as const;
    const [memory] = await this.store.fetch([key], ['hot', 'warm', 'cold']);
    return memory;
  }

  /** Says that a memory is forgotten, as far as the catalog is concerned. */
  forget(id: string): void {
    this.sql(
      `INSERT INTO tombstones (scope_id, scope, system_id, kind, memory_id, requested_at, state)
       VALUES ('memory/${id}', 'memory', '${SYSTEM}', 'conversation', '${id}', 1, 'standing')`,
    );
  }

  /**
   * The text of a memory as a rebuild from object storage would find it: of all its versions in journals and cold objects, whoever
   * wrote them, the one of the greatest order, and of one order of the greatest upload id; where one upload says both, what was deleted stands.
   * Undefined where that says that it is deleted, or there is none.
   */
  async rebuilt(id: string): Promise<string | undefined> {
    const files = await Promise.all(
      [...(await this.objectNames('journal/')), ...(await this.objectNames('cold/'))].map(async (name) => {
        const file = this.file('object');
        await this.archive.getFile(name, file);
        return `'${file}'`;
      }),
    );
    if (files.length === 0) return undefined;
    const [newest] = await queryParquet(
      `SELECT content, hash FROM read_parquet([${files.join(', ')}], union_by_name = true, hive_partitioning = false)
       WHERE memory_id = '${id}' ORDER BY ord DESC, upload_id DESC, content = '' LIMIT 1`,
    );
    return newest === undefined || newest[1] === sha256('deleted') ? undefined : String(newest[0]);
  }

  /** Runs statements on the catalog beside the store, for states that no interface makes yet. */
  sql(statement: string): void {
    const database = new this.library.database.CatalogDatabase(
      path.join(this.folder, 'store/catalog.db'),
      'write',
    );
    database.run(statement);
    database.close();
  }

  /** Rows of the catalog as they stand. */
  read<Row>(query: string): Row[] {
    const file = path.join(this.folder, 'store/catalog.db');
    const database = new this.library.database.CatalogDatabase(file, 'read');
    const rows = database.all<Row>(query);
    database.close();
    return rows;
  }

  maintenance(longestMs = 0): Parameters<Library['maintenance']['sweep']>[0] {
    return {
      store: this.store,
      archive: this.archive,
      scratch: path.join(this.folder, 'scratch'),
      batchRows: 1000,
      thawedMs: 7 * DAY,
      longestMs,
      now: () => this.now,
    };
  }

  scrubbing(): ScrubContext {
    return { store: this.store, archive: this.archive, scratch: path.join(this.folder, 'scratch'), hashFile };
  }

  /** A whole scrub. */
  async scrub(scrubId = 'scrub-1'): Promise<ScrubReport> {
    const { maintenance, contract } = this.library;
    let counts = contract.NOTHING_SCRUBBED;
    for (let after: ScrubCursor | null = null; ;) {
      const portion: ScrubPortion = await maintenance.scrubPortion(this.scrubbing(), { scrubId, after });
      counts = contract.addScrubbed(counts, portion.counts);
      after = portion.next;
      if (after === null) return maintenance.endScrub(this.scrubbing(), { scrubId, counts });
    }
  }

  drilling(): DrillContext {
    return {
      store: this.store,
      storeFolder: path.join(this.folder, 'store'),
      scratch: path.join(this.folder, 'scratch'),
      openRebuild: (folder) =>
        this.library.store.openRebuild({ ...this.#options(), dataFolder: folder, asOf: NOW }),
      rebuild: {
        uploads: this.archive,
        archive: this.archive,
        readManifest: (place) => this.#readManifest(place.uploadId),
        hashFile,
      },
      freeBytes: () => Promise.resolve(1e12),
      now: () => this.now,
    };
  }

  /** A restore drill. */
  drill(context: Partial<DrillContext> = {}, drillId = 'drill-1'): Promise<DrillReport> {
    return this.library.maintenance.restoreDrill({ ...this.drilling(), ...context }, drillId);
  }

  /** `intake` is a double: there are no raw uploads here, and what waits is ingested by the scenario. */
  forgetting(intake: Partial<ForgetContext['intake']> = {}): ForgetContext {
    const nothing = (): Promise<void> => Promise.resolve();
    const deleteUnfinished = (): Promise<number> => Promise.resolve(0);
    const none = { discover: nothing, ingestPending: nothing, deleteRaw: nothing, deleteUnfinished };
    const dropDerived = (): void => undefined;
    return { ...this.maintenance(), uploads: this.archive, intake: { ...none, ...intake }, dropDerived };
  }

  /** All of a forget. */
  async forgetAll(scope: ForgetScope): Promise<void> {
    const { requestForget, erasePass, finishForget } = this.library.maintenance;
    const context = this.forgetting();
    await requestForget(context, scope);
    for (const _look of ['first', 'second']) await erasePass(context, scope);
    await finishForget(context, scope);
  }

  /** What retention deletes now; files of uploads lie where `archive` has them. */
  async retire(days = 7): Promise<number> {
    const context = {
      store: this.store,
      uploads: this.archive,
      keepMs: days * DAY,
      now: () => this.now,
      inTurn: this.library.ingest.inTurn,
    };
    let deleted = 0;
    for (let after: RetentionCursor | null = null; ;) {
      const batch: RetentionBatch = await this.library.maintenance.retireUploads(context, after);
      deleted += batch.deleted;
      if (batch.next === null) return deleted;
      after = batch.next;
    }
  }

  /** As if the store were made at this time: it is as of then that the first look is bounded. */
  madeAt(time: number): void {
    this.now = time;
    this.sql(`UPDATE meta SET value = ${time} WHERE key = 'expiry_looked_at'`);
  }

  /** The same with the daily turn: whatever was merged is due again. */
  expireDaily(
    asOf = this.now,
    context: Partial<ReturnType<World['maintenance']>> = {},
  ): Promise<ColdPartition[]> {
    this.sql(`DELETE FROM meta WHERE key = 'compacted_at'`);
    return this.library.maintenance.planCompaction(
      { ...this.maintenance(), ...context },
      { all: false, asOf },
    );
  }

  /** Opens it anew with another number of days. */
  async keepFor(days: number): Promise<void> {
    this.retentionDays = days;
    await this.store.close();
    await this.open();
  }

  /** What is older than memories are kept goes; `faults` are put in the store's place. Returns the systems and months that are to be merged then. */
  expire(asOf = NOW, faults: Partial<MemoryStore> = {}): Promise<ColdPartition[]> {
    const context = { ...this.maintenance(), store: { ...this.store, ...faults } };
    return this.library.maintenance.planCompaction(context, { all: true, asOf, transitionId: 't' });
  }

  /** What object storage tells of what expired. */
  async expiries(): Promise<Record<string, unknown>[]> {
    const names = await this.objectNames('retention/expired/');
    return Promise.all(
      names.map(
        async (name) => JSON.parse((await this.archive.get(name)).toString()) as Record<string, unknown>,
      ),
    );
  }

  /** The texts of all rows that stand in journal and cold objects. */
  async textsInObjects(): Promise<string[]> {
    const names = [...(await this.objectNames('journal/')), ...(await this.objectNames('cold/'))];
    const texts: string[] = [];
    for (const name of names) {
      const file = this.file('object');
      await this.archive.getFile(name, file);
      const rows = await queryParquet(
        `SELECT content FROM read_parquet('${file}', hive_partitioning = false)`,
      );
      texts.push(...rows.map(([content]) => String(content)));
    }
    return texts.toSorted();
  }

  /** A sweep at a later time. */
  async sweepAfter(ms: number, longestMs = 0): Promise<{ rows: number; objects: number; tables: number }> {
    this.now += ms;
    return this.library.maintenance.sweep(this.maintenance(longestMs));
  }

  async objectNames(prefix: string): Promise<string[]> {
    const names: string[] = [];
    for await (const page of this.archive.list(prefix)) names.push(...page.objects.map(({ key }) => key));
    return names;
  }

  file(name: string): string {
    return path.join(this.folder, 'scratch', `${++this.#scratch}-${name}.parquet`);
  }

  async rowsFile(rows: readonly Row[]): Promise<string> {
    const file = this.file('rows');
    const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
    const values = rows.map(({ kind = 'conversation', id, text, project, age = 1, peak = 1 }) => {
      const named = project === undefined ? 'NULL' : quote(project);
      return `('${kind}', ${quote(id)}, '${sha256(text)}', ${quote(text)}, make_timestamp(${NOW - age * DAY} * 1000), ${peak}::DOUBLE, ${named})`;
    });
    await queryParquet(
      `COPY (SELECT kind, memory_id, hash, content, project::VARCHAR AS project, NULL::VARCHAR[] AS tags, own_time, '{}' AS fields,
         CAST(list_transform(range(384), lambda x: peak * sin(x + length(content))) AS FLOAT[384]) AS embedding
       FROM (VALUES ${[...values, NO_ROW].join(', ')}) t(kind, memory_id, hash, content, own_time, peak, project) WHERE kind IS NOT NULL) TO ${quote(file)} (FORMAT parquet)`,
    );
    return file;
  }
}

/** A list of values may not be empty. */
const NO_ROW = '(NULL, NULL, NULL, NULL, NULL, NULL, NULL)';

let scratchpad: Promise<DuckDBConnection> | undefined;

/** One DuckDB for all worlds of a process: to start and to close one takes longer than most of these queries. */
async function queryParquet(sql: string): Promise<unknown[][]> {
  scratchpad ??= DuckDBInstance.create(':memory:').then((instance) => instance.connect());
  return (await (await scratchpad).runAndReadAll(sql)).getRows();
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function hashFile(file: string): Promise<{ bytes: number; sha256: string }> {
  const content = await readFile(file);
  return { bytes: content.length, sha256: sha256(content) };
}
