import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import Libsql from 'libsql';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { UploadRef } from '../../src/contract/index.js';
import {
  dropUpload,
  ingestUpload,
  registerUpload,
  requestAgain,
  type IngestContext,
} from '../../src/ingest/index.js';
import { repairTier } from '../../src/maintenance/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { CatalogDatabase } from '../../src/store/embedded/catalog/database.js';
import { migrate, SCHEMA_VERSION } from '../../src/store/embedded/catalog/migrations.js';
import { rollBack, ROLLBACKS } from '../../src/store/embedded/catalog/rollbacks.js';
import { downgradeStore } from '../../src/store/index.js';
import { NOW, openStoreIn, originalId, putOriginal } from '../ingest/support.js';
import { openPool, temporaryFolder } from '../reader/support.js';
import { makeDatabase, withDuckDB } from '../support/databases.js';
import type { World } from './protocol/world.js';
import { openWorld } from './support.js';

/** The tables as the program made them while it had version 1 of the schema alone. */
const VERSION_1 = fileURLToPath(new URL('./fixtures/catalog-version-1.sql', import.meta.url));

async function openVersion1(file: string): Promise<Libsql.Database> {
  const database = new Libsql(file);
  database.exec(`BEGIN; ${await readFile(VERSION_1, 'utf8')} PRAGMA user_version = 1; COMMIT`);
  return database;
}

/** The catalog in `file` as version 1 would have written it: its rows without the columns that there were not. */
async function turnBack(file: string): Promise<void> {
  const old = await openVersion1(`${file}-1`);
  old.exec(`ATTACH '${file}' AS now; PRAGMA foreign_keys = OFF`);
  const columns = (schema: string, table: string): string[] =>
    names(old, `SELECT name FROM pragma_table_info('${table}', '${schema}')`);
  // The text index is virtual: its rows are those of the tables under it.
  const tables = names(
    old,
    `SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name != 'memory_text'`,
  );
  for (const table of tables) {
    const there = new Set(columns('now', table));
    const both = columns('main', table).filter((column) => there.has(column));
    old.exec(`INSERT OR REPLACE INTO main.${table} (${both.join()}) SELECT ${both.join()} FROM now.${table}`);
  }
  old.close();
  await rename(`${file}-1`, file);
}

function names(database: Libsql.Database, sql: string): string[] {
  return (database.prepare(sql).all() as { name: string }[]).map(({ name }) => name);
}

function schemaOf(file: string): Record<string, string> {
  const database = new Libsql(file, { readonly: true });
  try {
    return schemaIn(database);
  } finally {
    database.close();
  }
}

/** Every table and index of a file, without the spaces, comments and quotes that do not count. */
function schemaIn(database: Libsql.Database): Record<string, string> {
  const rows = database.prepare(`SELECT name, coalesce(sql, '') AS sql FROM sqlite_schema`).all();
  const plain = (sql: string): string =>
    sql
      .replace(/--.*/gu, '')
      .replace(/\s+/gu, ' ')
      .replace(/ ?([(),]) ?/gu, '$1')
      .replace(/TABLE "(uploads|operations)"/u, 'TABLE $1');
  return Object.fromEntries(
    (rows as { name: string; sql: string }[]).map(({ name, sql }) => [name, plain(sql)]),
  );
}

function versionOf(file: string): unknown {
  const database = new Libsql(file, { readonly: true });
  const version = database.prepare('PRAGMA user_version').get();
  database.close();
  return Object.values(version as object)[0];
}

const upload = (): UploadRef => ({ systemId: 'old', uploadId: originalId() });

async function gzipped(text: string): Promise<Buffer> {
  const file = join(await temporaryFolder(), 'reflection.duckdb');
  await makeDatabase(
    file,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
    `INSERT INTO conversations_v2 VALUES ('1', '${text}')`,
  );
  return gzipSync(await readFile(file));
}

describe('a store whose catalog has version 1 of the schema', () => {
  it('is opened with all that it held, and its uploads can be dropped and ingested again', async () => {
    const folder = await temporaryFolder();
    const scratch = join(folder, 'scratch');
    await mkdir(scratch);
    const uploads = await openObjectStore(`file://${folder}/objects`);
    const reader = openPool();
    const old = await openStoreIn(folder, uploads, reader);
    let context: IngestContext = { store: old, uploads, reader, scratch, clock: () => NOW };
    const [ingested, unreadable, waiting] = [upload(), upload(), upload()];
    await putOriginal(uploads, ingested, { 'reflection.duckdb.gz': await gzipped('kept as it was') });
    await putOriginal(uploads, unreadable, { 'reflection.duckdb.gz': Buffer.from('no gzip') });
    await putOriginal(uploads, waiting, { 'reflection.duckdb.gz': await gzipped('kept, then replaced') });
    for (const ref of [ingested, unreadable]) {
      await registerUpload(context, ref);
      await ingestUpload(context, ref);
    }
    await registerUpload(context, waiting);
    const before = await old.listUploads({ limit: 10 });
    expect(before.uploads.map(({ state }) => state).toSorted()).toEqual(['done', 'pending', 'quarantined']);
    await old.close();

    const file = join(folder, 'store', 'catalog.db');
    await turnBack(file);
    expect(versionOf(file)).toBe(1);
    const store = await openStoreIn(folder, uploads, reader);
    onTestFinished(() => store.close());
    context = { ...context, store };

    expect(await store.listUploads({ limit: 10 })).toEqual(before);
    expect((await store.countTiers()).hot.kinds).toMatchObject({ conversation: 1 });
    const found = await store.searchWords('hot', ['kept'], { tiers: ['hot'] }, 10);
    expect(found).toHaveLength(1);
    await dropUpload(context, unreadable, { by: 'test', reason: 'not needed' });
    expect(await store.getUpload(unreadable)).toMatchObject({
      state: 'dropped',
      dropped: { reason: 'not needed' },
    });
    await requestAgain(context, ingested);
    expect(await ingestUpload(context, ingested)).toMatchObject({ rows: { unchanged: 1 } });
    expect(await store.getUpload(ingested)).toMatchObject({
      again: { times: 1, first: { rows: { new: 1 } } },
    });
    expect(await ingestUpload(context, waiting)).toMatchObject({ rows: { changed: 1 } });
    const { memories } = await store.listMemories('old', { limit: 10 });
    expect(memories).toMatchObject([{ memoryId: '1', content: 'kept, then replaced' }]);
  });
});

describe('the migrations of a catalog', () => {
  it('end in the tables and indexes that a new one has', async () => {
    const folder = await temporaryFolder();
    (await openVersion1(join(folder, 'old.db'))).close();
    new CatalogDatabase(join(folder, 'old.db'), 'write').close();
    new CatalogDatabase(join(folder, 'new.db'), 'write').close();
    expect(schemaOf(join(folder, 'old.db'))).toEqual(schemaOf(join(folder, 'new.db')));
    expect(versionOf(join(folder, 'old.db'))).toEqual(versionOf(join(folder, 'new.db')));
  });

  it('leave a catalog as it was where one of them fails', async () => {
    const file = join(await temporaryFolder(), 'catalog.db');
    const old = await openVersion1(file);
    // No program wrote such a state: a fault, injected.
    old.exec(`PRAGMA ignore_check_constraints = ON;
      INSERT INTO uploads (system_id, upload_id, ord, state, manifest_sha256, created_at, registered_at)
        VALUES ('old', 'u1', 1, 'odd', 'x', 1, 1)`);
    old.close();
    const before = schemaOf(file);
    expect(() => new CatalogDatabase(file, 'write')).toThrow(/CHECK constraint failed/);
    expect(schemaOf(file)).toEqual(before);
    expect(versionOf(file)).toBe(1);
  });

  it('refuse a catalog in which a row refers to none', async () => {
    const file = join(await temporaryFolder(), 'catalog.db');
    const old = await openVersion1(file);
    old.exec('PRAGMA foreign_keys = OFF; INSERT INTO batch_rows VALUES (1, 7, 1, 2)');
    old.close();
    expect(() => new CatalogDatabase(file, 'write')).toThrow(/schema 2: a row of batch_rows refers to none/);
    expect(versionOf(file)).toBe(1);
  });
});

describe('a rollback of the catalog', () => {
  const newest = Math.max(...Object.keys(ROLLBACKS).map(Number));

  /** A catalog of each version from the oldest that there is a way back to. */
  async function openVersion(version: number): Promise<Libsql.Database> {
    const database = await openVersion1(join(await temporaryFolder(), 'catalog.db'));
    onTestFinished(() => void database.close());
    migrate(database, 1, version);
    return database;
  }

  it('there is of the newest version', () => {
    expect(newest).toBe(SCHEMA_VERSION);
  });

  it.each(Object.keys(ROLLBACKS).map(Number))('takes version %i to the one before it', async (version) => {
    const [before, after] = [await openVersion(version - 1), await openVersion(version)];
    rollBack(after, version, version - 1);
    expect(schemaIn(after)).toEqual(schemaIn(before));
    expect(after.prepare('PRAGMA user_version').get()).toMatchObject({ user_version: version - 1 });
  });

  it('leaves the version that it began with where it fails', async () => {
    const version = 12;
    const database = await openVersion(version);
    // What no program made: a fault, injected.
    database.exec('CREATE INDEX odd ON forgets (begun_at)');
    const before = schemaIn(database);
    expect(() => rollBack(database, version, version - 1)).toThrow(/begun_at/);
    expect(schemaIn(database)).toEqual(before);
    expect(database.prepare('PRAGMA user_version').get()).toMatchObject({ user_version: version });
  });

  it('leaves no step of a transition that the older version does not know', async () => {
    const database = await openVersion(14);
    database.exec(`INSERT INTO transitions (transition_id, as_of, begun_at) VALUES ('t', 1, 1);
      INSERT INTO transition_parts (transition_id, step, system_id, month, rows, held, objects, bytes)
      VALUES ('t', 'expired', 's', '2019-01', 1, 0, 0, 0), ('t', 'cold', 's', '2019-01', 1, 0, 1, 1)`);
    rollBack(database, 14, 13);
    expect(database.prepare('SELECT step FROM transition_parts').all()).toEqual([{ step: 'cold' }]);
  });

  it('keeps what was ingested since, and the newer version goes on with it', async () => {
    const world = await openWorld();
    await world.ingest('u1', 1, [{ id: 'a', text: 'ingested by the newer version' }]);
    await expect(downgradeStore(world.folder, newest - 1)).rejects.toMatchObject({ type: 'StoreLocked' });
    await world.store.close();
    const file = join(world.folder, 'store', 'catalog.db');
    expect(await downgradeStore(world.folder, newest - 1)).toEqual({ from: newest, to: newest - 1 });
    expect(versionOf(file)).toBe(newest - 1);
    await world.open();
    expect(await world.find('a')).toMatchObject({ content: 'ingested by the newer version' });
    await world.store.close();
    await expect(downgradeStore(world.folder, 2)).rejects.toThrow(
      /no way back from schema \d+: .*akosha rebuild/,
    );
    expect(versionOf(file)).toBe(newest);
    await world.open();
  });
});

it('a catalog of a newer version is refused, and says what to do', async () => {
  const file = join(await temporaryFolder(), 'catalog.db');
  new CatalogDatabase(file, 'write').close();
  const newer = new Libsql(file);
  newer.exec('PRAGMA user_version = 99');
  newer.close();
  expect(() => new CatalogDatabase(file, 'write')).toThrow(
    new RegExp(`schema 99.* up to ${SCHEMA_VERSION}: .*akosha downgrade --to ${SCHEMA_VERSION}`),
  );
});

describe('a tier’s file', () => {
  /** With DuckDB, beside the store. */
  const alter = (world: World, sql: string): Promise<unknown> =>
    withDuckDB((connection) => connection.run(sql), join(world.folder, 'store', 'warm.duckdb'));

  it('of before there were versions gets one, and keeps its rows', async () => {
    const world = await openWorld();
    await world.ingest('u1', 1, [{ id: 'a', text: 'of before', age: 30 }]);
    await world.store.close();
    await alter(world, 'DROP VIEW schema_version');
    await world.open();
    expect(await world.find('a')).toMatchObject({ tier: 'warm', content: 'of before' });
    await world.store.close();
    await alter(world, 'SELECT version FROM schema_version');
    await world.open();
  });

  it('of a newer version is refused, left as it is, and comes back from object storage once it is moved away', async () => {
    const world = await openWorld();
    await world.ingest('u1', 1, [{ id: 'a', text: 'of a newer version', age: 30 }]);
    await world.store.close();
    await alter(world, 'CREATE OR REPLACE VIEW schema_version AS SELECT 99 AS version');
    await expect(world.open()).rejects.toThrow(/version 99 .*akosha repair/);
    await alter(world, 'SELECT version FROM schema_version');
    await rename(join(world.folder, 'store', 'warm.duckdb'), join(world.folder, 'warm.duckdb'));
    await world.open();
    expect(world.store.damaged()).toMatchObject([{ tier: 'warm' }]);
    await repairTier(world.maintenance(), 'warm', () => undefined);
    expect(await world.find('a')).toMatchObject({ tier: 'warm', content: 'of a newer version' });
  });
});
