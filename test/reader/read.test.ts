import { execFileSync } from 'node:child_process';
import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMachineFault, type ReaderPool, type ReadRequest } from '../../src/reader/index.js';
import { makeDatabase, query } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { writeProgram } from '../support/programs.js';
import { openPool, setFileVersion, sharedPool, temporaryFolder, TIMES } from './support.js';

type DatabaseRequest = ReadRequest['databases'][number];

/** Reads databases as one upload, under these names. Returns the path of the merged rows. */
async function merge(
  pool: ReaderPool,
  databases: readonly { stored: string; label: string }[],
): Promise<string> {
  const output = join(await temporaryFolder(), 'rows.parquet');
  await pool.readDatabases({ ...TIMES, databases, output });
  return output;
}

async function database(...statements: string[]): Promise<string> {
  const path = join(await temporaryFolder(), 'source.duckdb');
  await makeDatabase(path, ...statements);
  return path;
}

describe('of a memory that stands more than once', () => {
  const pool = sharedPool();

  it('the row of the newer table is kept, then that of the file name that sorts first, and only that', async () => {
    const legacy = (text: string): string[] => [
      'CREATE TABLE conversations(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations VALUES ('a', '${text}'), ('b', '${text}'), ('only in ${text}', '${text}')`,
    ];
    const first = await database(...legacy('first'));
    const second = await database(
      ...legacy('second'),
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 VALUES ('b', 'of the newer table')`,
    );
    // Whatever order they come in.
    const named = [
      { stored: second, label: '2.duckdb' },
      { stored: first, label: '1.duckdb' },
    ];
    const rows = await merge(pool(), named);
    expect(await query(`SELECT memory_id, content FROM '${rows}' ORDER BY memory_id`)).toEqual([
      { memory_id: 'a', content: 'first' },
      { memory_id: 'b', content: 'of the newer table' },
      { memory_id: 'only in first', content: 'first' },
      { memory_id: 'only in second', content: 'second' },
    ]);
  });
});

describe('a small database', () => {
  const pool = sharedPool();

  const read = async (databases: readonly DatabaseRequest[]) => {
    const output = join(await temporaryFolder(), 'rows.parquet');
    return { output, ...(await pool().readDatabases({ ...TIMES, databases, output })) };
  };

  it('is answered with the keys of its rows, each with its place', async () => {
    const stored = await database(
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, project VARCHAR, timestamp TIMESTAMP)',
      `INSERT INTO conversations_v2 VALUES ('a', 'x', 'p', '2026-11-01 10:00:00'), ('b', 'y', NULL, NULL)`,
    );
    const { output, rows, keys } = await read([{ stored }]);
    expect(rows).toBe(2);
    expect(keys).toEqual(
      await query(
        `SELECT file_row_number::INTEGER AS n, kind, memory_id AS "memoryId", hash, epoch_ms(own_time)::DOUBLE AS "ownTime", project
         FROM read_parquet('${output}', file_row_number = true)`,
      ),
    );
  });

  it('of which a row stands twice is merged, and its keys are left to be read', async () => {
    const stored = await database(
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 VALUES ('a', 'x'), ('a', 'x'), ('b', 'y')`,
    );
    expect(await read([{ stored }])).toMatchObject({ rows: 2, keys: null });
  });

  it('that may fail is answered with its fault, the others are read, and the child is not used again', async () => {
    const stored = await database(
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 VALUES ('a', 'x')`,
    );
    const newer = join(await temporaryFolder(), 'newer.duckdb');
    await copyFile(stored, newer);
    await setFileVersion(newer, 999n);
    const before = pool().forked;
    const { databases, rows } = await read([{ stored: newer, mayFail: true }, { stored }]);
    expect(databases).toEqual([
      {
        fault: {
          type: 'DatabaseUnreadable',
          message: expect.stringMatching(/^newer\.duckdb has DuckDB file version 999/),
        },
      },
      expect.objectContaining({ rows: { conversation: 1 } }),
    ]);
    expect(rows).toBe(1);
    await read([{ stored }]);
    expect(pool().forked).toBe(before + 1);
  });
});

describe('an upload of several databases', () => {
  /** A child begins within it also on a busy machine. */
  const JOB_MS = 3_000;

  async function pipe(): Promise<string> {
    const path = join(await temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [path]);
    return path;
  }

  const small = (): Promise<string> =>
    database(
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 VALUES ('a', 'x')`,
    );

  it('has one of them unpacked at a time', async () => {
    const folder = await temporaryFolder();
    const stored = await small();
    const caller = new AbortController();
    const databases = [{ stored }, { stored }, { stored: await pipe() }];
    const output = join(folder, 'rows.parquet');
    const reading = openPool({ folder }).readDatabases({ ...TIMES, databases, output }, caller);
    const failed = expect(reading).rejects.toMatchObject({ type: 'Cancelled' });
    // The last of them hangs, in the middle of being unpacked.
    const last = await eventually(async () => {
      const names = await readdir(folder, { recursive: true });
      expect(names).toContainEqual(expect.stringMatching(/job-\w+\/2$/));
      return new Set(names.flatMap((name) => name.split('/').slice(2, 3)));
    }, 10_000);
    expect([...last].sort()).toEqual(['0.parquet', '1.parquet', '2']);
    caller.abort();
    await failed;
  });

  it('has the time of a job for all of them together: that it hangs is its own fault', async () => {
    // A double of DuckDB's command line that takes a while, and fails.
    const slow = await writeProgram(
      await temporaryFolder(),
      'duckdb',
      `if [ "$1" = --version ]; then echo 'v2.0.0 (Double) 0123456789'; exit; fi
sleep 0.8; exit 1`,
    );
    const pool = openPool({ jobTimeoutMs: JOB_MS, external: { command: [slow] } });
    const output = join(await temporaryFolder(), 'rows.parquet');
    // What follows is measured, and is not to wait for a child to start.
    await pool.readDatabases({ ...TIMES, databases: [{ stored: await small() }], output });
    const newer = await small();
    await setFileVersion(newer, 999n);
    const late = { stored: newer, mayFail: true };
    const databases = [late, late, { stored: await pipe() }];
    const begun = performance.now();
    const error: unknown = await pool
      .readDatabases({ ...TIMES, databases, output })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      type: 'ReaderFailed',
      message: expect.stringContaining(`not done after ${JOB_MS} ms`),
    });
    expect(isMachineFault(error)).toBe(false);
    expect(performance.now() - begun).toBeLessThan(JOB_MS + 1_500);
  });
});

describe('a database of more rows than fit in memory', () => {
  /** 70 MB of texts and vectors. */
  const ROWS = 20_000;
  const MEMORY_MB = 64;

  it('streams through export and merge', async () => {
    const stored = await database(
      `CREATE TABLE conversations_v2 (id VARCHAR PRIMARY KEY, content VARCHAR, embedding FLOAT[384], timestamp TIMESTAMP)`,
      `INSERT INTO conversations_v2
       SELECT md5(i::VARCHAR), repeat(md5(i::VARCHAR), 60), list_transform(range(384), lambda k: k / 384)::FLOAT[384],
         TIMESTAMP '2026-01-01' FROM range(${ROWS}) AS t(i)`,
    );
    const rows = await merge(openPool({ memoryLimitMb: MEMORY_MB }), [
      { stored, label: 'reflection.duckdb' },
    ]);
    expect(
      await query(`SELECT count(*)::INTEGER AS rows, count(embedding)::INTEGER AS vectors FROM '${rows}'`),
    ).toEqual([{ rows: ROWS, vectors: ROWS }]);
  });
});
