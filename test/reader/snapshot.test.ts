import { spawn } from 'node:child_process';
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
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAkoshaError } from '../../src/contract/index.js';
import type { Snapshot } from '../../src/reader/index.js';
import { copyStable } from '../../src/reader/stable-copy.js';
import { makeDatabase, query, SAMPLES } from '../support/databases.js';
import { gunzipTo, openPool, setFileVersion, temporaryFolder } from './support.js';

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
  expect((await pool.exportDatabase({ stored: snapshot.path, scratch: folder, output })).rows).toEqual({
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

  it('a file of a newer DuckDB, with its version', async () => {
    const database = join(await temporaryFolder(), 'x.duckdb');
    await copyFile(join(SAMPLES, 'knowledge_graph.duckdb'), database);
    await setFileVersion(database, 999n);
    await expect(take(database)).rejects.toMatchObject({
      type: 'DatabaseUnreadable',
      message: expect.stringMatching(
        /x\.duckdb has DuckDB file version 999, which this build \(DuckDB v1\..*STORAGE_VERSION/,
      ),
      details: { version: 999 },
    });
  });
});

it('every snapshot of a database in use opens and holds the first rows its writer committed, none missing', async () => {
  const folder = await temporaryFolder();
  const database = join(folder, 'live.duckdb');
  const committed = startWriter(database);
  while (committed() < 200) await sleep(20);
  const pool = openPool();
  const taken: { before: number; after: number; snapshot: Snapshot }[] = [];
  for (let attempt = 0; taken.length < 8 && attempt < 40; attempt += 1) {
    const before = committed();
    try {
      const snapshot = await pool.snapshotDatabase({ database, folder, name: `snapshot-${taken.length}` });
      taken.push({ before, after: committed(), snapshot });
    } catch (error) {
      // A writer that checkpoints without pause may disturb five takes in a row; anything else is a fault.
      if (!isAkoshaError(error, 'SnapshotTorn')) throw error;
    }
  }
  expect(taken).toHaveLength(8);
  for (const { before, after, snapshot } of taken) {
    const raw = `${snapshot.path}.raw`;
    await gunzipTo(snapshot.path, raw);
    const [row] = await query(
      `SELECT count(*)::INTEGER AS count, min(number) AS first, max(number) AS last, count(DISTINCT number)::INTEGER AS numbers
       FROM snapshot.conversations_v2`,
      { snapshot: raw },
    );
    const count = Number(row?.['count']);
    expect(row).toEqual({ count, first: 0, last: count - 1, numbers: count });
    expect(snapshot.rows).toEqual({ conversation: count });
    expect(count).toBeGreaterThanOrEqual(before);
    // One more may be committed than the writer has come to report.
    expect(count).toBeLessThanOrEqual(after + 1);
  }
});

/**
 * Starts a program that writes to the database until the test ends; the answer is how many rows it has
 * reported.
 */
function startWriter(database: string): () => number {
  const writer = spawn(
    process.execPath,
    [fileURLToPath(new URL('./writer.mjs', import.meta.url)), database],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  onTestFinished(() => void writer.kill('SIGKILL'));
  let committed = 0;
  createInterface({ input: writer.stdout }).on('line', (line) => (committed = Number(line)));
  return () => committed;
}

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
