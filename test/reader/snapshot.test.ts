import { createHash } from 'node:crypto';
import {
  chmod,
  copyFile,
  mkdir,
  readFile,
  readdir,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { copyStable } from '../../src/reader/stable-copy.js';
import { makeDatabase, query, SAMPLES } from '../support/databases.js';
import { gunzipTo, openPool, temporaryFolder, readOne } from './support.js';

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

describe('a snapshot of a sample database', () => {
  it.each([
    ['reflection.duckdb', { conversation: 208, reflection: 104 }],
    ['knowledge_graph.duckdb', { entity: 56, relation: 79 }],
    // Killed before its first checkpoint: all rows are in the log.
    ['wal_fresh/reflection.duckdb', { conversation: 208, reflection: 104 }],
  ])('%s holds every row, and its sums are those of the file', async (name, rows) => {
    const folder = await temporaryFolder();
    const snapshot = await openPool().snapshotDatabase({
      database: join(SAMPLES, name),
      folder,
      name: 'stored.duckdb',
    });
    const raw = join(folder, 'raw.duckdb');
    await gunzipTo(snapshot.path, raw);
    expect(snapshot).toEqual({
      path: join(folder, 'stored.duckdb'),
      name: 'stored.duckdb',
      compression: 'gzip',
      storedBytes: (await stat(snapshot.path)).size,
      storedSha256: await sha256(snapshot.path),
      rawBytes: (await stat(raw)).size,
      rawSha256: await sha256(raw),
      rows,
      reader: expect.stringMatching(/^duckdb-node-api 1\./),
      flags: [],
      excluded: {},
      rowsDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      logs: [],
      notice: null,
    });
    expect((await readdir(folder)).sort()).toEqual(['raw.duckdb', 'stored.duckdb']);
  });

  it('is the same to the byte when nothing changed', async () => {
    const pool = openPool();
    const folder = await temporaryFolder();
    const database = join(SAMPLES, 'knowledge_graph.duckdb');
    const first = await pool.snapshotDatabase({ database, folder, name: 'a' });
    await sleep(1100); // A second on, in case a time had found its way into the header.
    const second = await pool.snapshotDatabase({ database, folder, name: 'b' });
    expect({ ...second, path: first.path, name: first.name }).toEqual(first);
  });
});

describe('a snapshot of a database half of which is what was there before', () => {
  const TEXTS = `SELECT i AS id, array_to_string(list_transform(range(20), lambda j: sha256(i || '-' || j)), '') AS content
    FROM range(15000) AS t(i)`;

  /** Rewritten since, so that DuckDB has given up the blocks of the first. */
  async function rewritten(...first: string[]): Promise<{ database: string; folder: string }> {
    const folder = await temporaryFolder();
    const database = join(folder, 'live.duckdb');
    await makeDatabase(
      database,
      ...first,
      `CREATE TABLE conversations_v2 (id VARCHAR PRIMARY KEY, content VARCHAR)`,
      `INSERT INTO conversations_v2 ${TEXTS}`,
    );
    await makeDatabase(
      database,
      `DELETE FROM conversations_v2 WHERE id = '77'`,
      `INSERT INTO conversations_v2 VALUES ('new', 'new')`,
    );
    return { database, folder };
  }

  async function snapshot({ database, folder }: { database: string; folder: string }) {
    const taken = await openPool().snapshotDatabase({ database, folder, name: 'stored.duckdb' });
    const raw = join(folder, 'raw.duckdb');
    await gunzipTo(taken.path, raw);
    return { taken, raw, database, whole: await readFile(database) };
  }

  it('has its rows and all else of it, and not what was there before', async () => {
    const { taken, raw, whole, database } = await snapshot(
      await rewritten('CREATE TABLE others (id INTEGER PRIMARY KEY)', 'CREATE VIEW seen AS FROM others'),
    );
    expect(taken.rows).toEqual({ conversation: 15_000 });
    expect(taken.rawBytes).toBeLessThan(whole.length * 0.7);
    const digest = `SELECT count(*) AS rows, CAST(bit_xor(hash(id, content)) AS VARCHAR) AS digest FROM raw.conversations_v2`;
    const live = digest.replace('raw.', 'live.');
    expect(await query(digest, { raw })).toEqual(await query(live, { live: database }));
    const tables = `SELECT table_name AS name FROM information_schema.tables WHERE table_catalog = 'raw' ORDER BY 1`;
    expect(await query(tables, { raw })).toEqual([
      { name: 'conversations_v2' },
      { name: 'others' },
      { name: 'seen' },
    ]);
  });

  it('goes up as it is where DuckDB cannot copy it', async () => {
    // DuckDB copies the tables in an order that foreign keys do not take.
    const { taken, whole } = await snapshot(
      await rewritten(
        'CREATE TABLE targets (id INTEGER PRIMARY KEY)',
        'CREATE TABLE referrers (id INTEGER REFERENCES targets (id))',
        'INSERT INTO targets VALUES (1)',
        'INSERT INTO referrers VALUES (1)',
      ),
    );
    expect(taken).toMatchObject({ rows: { conversation: 15_000 }, rawBytes: whole.length, flags: [] });
  });
});

it('leaves the original, its log and its folder as they were', async () => {
  const folder = await temporaryFolder();
  for (const name of ['reflection.duckdb', 'reflection.duckdb.wal']) {
    await copyFile(join(SAMPLES, 'wal_fresh', name), join(folder, name));
    await chmod(join(folder, name), 0o444);
  }
  const look = async () =>
    Promise.all(
      (await readdir(folder)).sort().map(async (name) => {
        const { mtimeMs, size, mode } = await stat(join(folder, name));
        return { name, mtimeMs, size, mode, sum: await sha256(join(folder, name)) };
      }),
    );
  const before = await look();
  await openPool().snapshotDatabase({
    database: join(folder, 'reflection.duckdb'),
    folder: await temporaryFolder(),
    name: 'x',
  });
  expect(await look()).toEqual(before);
});

it('copes with quotes, spaces and any script in paths', async () => {
  const folder = join(await temporaryFolder(), `it's "a" 日本 [*] {x} ; DROP`);
  await mkdir(folder);
  const database = join(folder, `o'brien $(x).duckdb`);
  await makeDatabase(
    database,
    `CREATE TABLE kg_entities(id VARCHAR, name VARCHAR)`,
    `INSERT INTO kg_entities VALUES ('1', 'n')`,
  );
  const pool = openPool();
  const snapshot = await pool.snapshotDatabase({ database, folder, name: 'stored' });
  expect(snapshot.rows).toEqual({ entity: 1 });
  const output = join(folder, `o'ut.parquet`);
  expect((await readOne(pool, { stored: snapshot.path, output })).rows).toEqual({
    entity: 1,
  });
});

describe('what cannot be read', () => {
  const take = async (database: string) =>
    openPool().snapshotDatabase({ database, folder: await temporaryFolder(), name: 'x' });

  it('a database that does not exist', async () => {
    await expect(take('/nowhere/reflection.duckdb')).rejects.toMatchObject({
      type: 'DatabaseUnreadable',
      message: expect.stringMatching(/^\/nowhere\/reflection\.duckdb cannot be read: ENOENT/),
    });
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['something else', Buffer.alloc(20_000, 7)],
    ['the start of a DuckDB file', Buffer.from('........DUCK....')],
  ])('a file that is %s', async (_what, content) => {
    const database = join(await temporaryFolder(), 'x.duckdb');
    await writeFile(database, content);
    await expect(take(database)).rejects.toMatchObject({
      type: 'DatabaseUnreadable',
      message: `${database} is not a DuckDB file (DUCK expected at byte 8)`,
    });
  });

  it('a file cut short', async () => {
    const database = join(await temporaryFolder(), 'x.duckdb');
    await copyFile(join(SAMPLES, 'reflection.duckdb'), database);
    await truncate(database, 3_000_000);
    await expect(take(database)).rejects.toMatchObject({ type: 'DatabaseUnreadable' });
  });
});

describe('compression', () => {
  const take = async (request: { compression?: 'gzip' | 'none'; compressionLevel?: number }) =>
    openPool().snapshotDatabase({
      database: join(SAMPLES, 'knowledge_graph.duckdb'),
      folder: await temporaryFolder(),
      name: 'x',
      ...request,
    });

  it('can be left out: the stored file is the raw one', async () => {
    const [plain, compressed] = [await take({ compression: 'none' }), await take({})];
    expect(plain).toMatchObject({ compression: 'none', storedBytes: plain.rawBytes });
    expect(plain.storedSha256).toBe(plain.rawSha256);
    expect(await sha256(plain.path)).toBe(plain.rawSha256);
    expect(plain.rawSha256).toBe(compressed.rawSha256);
  });

  it('takes the level it is told', async () => {
    const [fast, small] = [await take({ compressionLevel: 1 }), await take({ compressionLevel: 9 })];
    expect(small.storedBytes).toBeLessThan(fast.storedBytes);
    expect(small.rawSha256).toBe(fast.rawSha256);
  });
});

describe('a copy that was disturbed is taken again', () => {
  /** Large enough that a copy takes longer than the pause between two disturbances. */
  const SIZE = 64 * 1024 * 1024;

  async function disturbed(disturb: (database: string, count: number) => Promise<void>, times: number) {
    const folder = await temporaryFolder();
    const database = join(folder, 'x.duckdb');
    await writeFile(database, Buffer.alloc(SIZE, 1));
    await writeFile(`${database}.wal`, Buffer.alloc(100_000, 2));
    let count = 0;
    const resting = new AbortController();
    const disturbing = (async () => {
      while (!resting.signal.aborted && count < times) {
        await sleep(1);
        await disturb(database, (count += 1));
      }
    })();
    const copy = copyStable(database, join(folder, 'copy')).finally(() => resting.abort());
    const [outcome] = await Promise.allSettled([copy, disturbing]);
    return { outcome, folder, count };
  }

  it.each([
    ['the main file is written', async (database: string, n: number) => utimes(database, n, n)],
    ['the log shrinks', async (database: string, n: number) => truncate(`${database}.wal`, 100_000 - n)],
  ])('until it gives up, while %s', async (_what, disturb) => {
    const { outcome } = await disturbed(disturb, Infinity);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { type: 'SnapshotTorn' } });
  });

  it('and is good once the writer rests', async () => {
    const { outcome, folder, count } = await disturbed(
      (database, n) => truncate(`${database}.wal`, 100_000 - n),
      5,
    );
    expect(outcome.status).toBe('fulfilled');
    expect(count).toBe(5);
    expect((await stat(join(folder, 'copy.wal'))).size).toBe(99_995);
  });

  it('but not for a log that only grows', async () => {
    const { outcome } = await disturbed(
      (database, n) => writeFile(`${database}.wal`, `${n}`, { flag: 'a' }),
      Infinity,
    );
    expect(outcome.status).toBe('fulfilled');
  });
});
