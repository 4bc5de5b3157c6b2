import { copyFile, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Exclusions } from '../../src/reader/index.js';
import { makeDatabase, query, SAMPLES, withDuckDB } from '../support/databases.js';
import { gunzipTo, sharedPool, temporaryFolder, readOne } from './support.js';

const pool = sharedPool();

/** A database with three conversations in the file and, in its log, two more. */
async function withLog(change: (log: Buffer) => Buffer): Promise<string> {
  const folder = await temporaryFolder();
  const [written, database] = [join(folder, 'written.duckdb'), join(folder, 'x.duckdb')];
  await makeDatabase(
    written,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, project VARCHAR)',
    `INSERT INTO conversations_v2 SELECT i::VARCHAR, 'in the file ' || i, 'p' || i FROM range(3) t(i)`,
  );
  await withDuckDB(async (connection) => {
    await connection.run(`SET wal_autocheckpoint = '1GB'`);
    for (const id of [3, 4]) {
      await connection.run(`INSERT INTO conversations_v2 VALUES ('${id}', 'in the log ${id}', 'p${id}')`);
    }
    // While it is open: closing folds the log in.
    await copyFile(written, database);
    await writeFile(`${database}.wal`, change(await readFile(`${written}.wal`)));
  }, written);
  return database;
}

async function take(database: string, exclude?: Exclusions) {
  const folder = await temporaryFolder();
  const request = { database, folder, name: 'x.duckdb', ...(exclude && { exclude }) };
  const snapshot = await pool().snapshotDatabase(request);
  const raw = join(folder, 'raw');
  await gunzipTo(snapshot.path, raw);
  return { snapshot, raw, folder };
}

const flip = (at: number) => (log: Buffer) => {
  log.writeUInt8(log.readUInt8(at) ^ 0xff, at);
  return log;
};

describe('a log that can be replayed', () => {
  it('is worked into the file, and does not go up', async () => {
    const { snapshot, folder } = await take(await withLog((log) => log));
    expect(snapshot).toMatchObject({ rows: { conversation: 5 }, flags: [], logs: [], notice: null });
    expect((await readdir(folder)).sort()).toEqual(['raw', 'x.duckdb']);
  });

  it('may end in the middle of a transaction, also the first', async () => {
    const cut = (bytes: number) => (log: Buffer) => log.subarray(0, bytes);
    expect((await take(await withLog((log) => log.subarray(0, -5)))).snapshot).toMatchObject({
      rows: { conversation: 4 },
      flags: [],
    });
    for (const bytes of [0, 1, 2, 3, 10, 40]) {
      const { snapshot } = await take(await withLog(cut(bytes)));
      expect(snapshot, `${bytes} bytes`).toMatchObject({ rows: { conversation: 3 }, flags: [], logs: [] });
    }
  });
});

describe('a log that cannot be replayed', () => {
  it.each([
    ['whose content is damaged', flip(120)],
    ['whose first bytes are damaged, which DuckDB takes for an empty one', flip(2)],
    ['that is something else', () => Buffer.alloc(5_000, 7)],
  ])('%s goes up as it is beside the file as it is, flagged', async (_what, change) => {
    const database = await withLog(change);
    const { snapshot, raw, folder } = await take(database);
    expect(snapshot).toMatchObject({
      rows: { conversation: 3 },
      flags: ['log_not_replayed'],
      logs: [{ name: 'x.duckdb.wal', path: join(folder, 'x.duckdb.wal') }],
      notice: expect.stringMatching(/x\.duckdb .*log is uploaded as it is$/),
    });
    expect((await readdir(folder)).sort()).toEqual(['raw', 'x.duckdb', 'x.duckdb.wal']);
    expect((await readFile(raw)).equals(await readFile(database))).toBe(true);
    await gunzipTo(join(folder, 'x.duckdb.wal'), join(folder, 'raw.wal'));
    expect((await readFile(join(folder, 'raw.wal'))).equals(await readFile(`${database}.wal`))).toBe(true);
  });

  it('stays on the host where memories are excluded; the others go up without it', async () => {
    const database = await withLog(flip(120));
    const exclude: Exclusions = { projects: ['p1'], kinds: [], categories: [], patterns: [] };
    const { snapshot, raw, folder } = await take(database, exclude);
    expect(snapshot).toMatchObject({
      rows: { conversation: 2 },
      excluded: { conversation: 1 },
      flags: ['log_not_replayed'],
      logs: [],
    });
    expect((await readdir(folder)).sort()).toEqual(['raw', 'x.duckdb']);
    expect(await query('SELECT id FROM a.conversations_v2 ORDER BY id', { a: raw })).toEqual([
      { id: '0' },
      { id: '2' },
    ]);
  });

  it('does not save a file that cannot be read itself', async () => {
    const database = await withLog(flip(120));
    await writeFile(database, Buffer.alloc(20_000, 7));
    await expect(take(database)).rejects.toMatchObject({
      type: 'DatabaseUnreadable',
      message: expect.stringContaining('is not a DuckDB file'),
    });
  });
});

describe('what was uploaded is read by the server', () => {
  async function exported(database: string) {
    const { snapshot } = await take(database);
    const logs = snapshot.logs.map(({ path }) => ({ stored: path, suffix: '.wal' as const }));
    const output = join(await temporaryFolder(), 'out.parquet');
    return readOne(pool(), { stored: snapshot.path, logs, output });
  }

  it('without the log where that cannot be replayed here either', async () => {
    const result = await exported(await withLog(flip(120)));
    expect(result).toMatchObject({ rows: { conversation: 3 }, logsReplayed: false });
    expect(result.logs).toHaveLength(1);
  });

  it('with the log where it can', async () => {
    const output = join(await temporaryFolder(), 'out.parquet');
    const stored = join(SAMPLES, 'wal_fresh/reflection.duckdb');
    const logs = [{ stored: `${stored}.wal`, suffix: '.wal' as const }];
    const result = await readOne(pool(), { stored, logs, output });
    expect(result).toMatchObject({ rows: { conversation: 208, reflection: 104 }, logsReplayed: true });
  });
});
