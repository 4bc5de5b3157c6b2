import { execFile } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { findExternalReader, type Exclusions, type ExternalReaderOptions } from '../../src/reader/index.js';
import { wheelFolder } from '../../src/servers/index.js';
import { makeDatabase, query, SAMPLES, SAMPLES_OF_DUCKDB_2 } from '../support/databases.js';
import { writeProgram } from '../support/programs.js';
import { gunzipTo, openPool, setEnvironment, setFileVersion, temporaryFolder } from './support.js';

/** DuckDB 2.0.0 as set-up installs it. */
const MODULE = wheelFolder('duckdb');
const SET_UP: ExternalReaderOptions = { pythonPath: MODULE };

async function take(
  database: string,
  external: ExternalReaderOptions,
  more: { exclude?: Exclusions; jobTimeoutMs?: number } = {},
) {
  const { jobTimeoutMs = 60_000, ...request } = more;
  const folder = await temporaryFolder();
  const pool = openPool({ external, jobTimeoutMs });
  const snapshot = await pool.snapshotDatabase({ database, folder, name: 'stored', ...request });
  const raw = join(folder, 'raw.duckdb');
  await gunzipTo(snapshot.path, raw);
  return { snapshot, raw };
}

/** Has DuckDB 2.0.0 run statements on a database and die before it checkpoints: what they did stands in the log. */
async function writeAndDie(database: string, ...statements: string[]): Promise<void> {
  const program = `
import duckdb, json, os, sys
connection = duckdb.connect(sys.argv[1])
for statement in json.loads(sys.argv[2]): connection.execute(statement)
os._exit(0)`;
  const env = { ...process.env, PYTHONPATH: MODULE };
  await promisify(execFile)('python3', ['-c', program, database, JSON.stringify(statements)], { env });
}

/**
 * DuckDB 2's command line, which no registry that tests may use has: a double that takes its arguments and its standard input to the real
 * library of that version.
 */
async function commandLine(folder: string, { version = '2.0.0', log = '/dev/null' } = {}): Promise<string> {
  const run = `import sys, duckdb; duckdb.connect().execute(sys.stdin.read())`;
  return writeProgram(
    folder,
    'duckdb',
    `echo "$@" >> '${log}'
if [ "$1" = --version ]; then echo 'v${version} (Double) 0123456789'; exit; fi
PYTHONPATH='${MODULE}' exec python3 -c '${run}'`,
  );
}

describe('a database of DuckDB 2.0.0', () => {
  it.each([
    ['reflection.duckdb', { conversation: 208, reflection: 104 }],
    ['knowledge_graph.duckdb', { entity: 56, relation: 79 }],
  ])('%s is read by the module that set-up installed, all rows of it', async (name, rows) => {
    const { snapshot, raw } = await take(join(SAMPLES_OF_DUCKDB_2, name), SET_UP);
    expect(snapshot).toMatchObject({
      rows,
      reader: 'duckdb-python 2.0.0',
      flags: [],
      logs: [],
      notice: null,
    });
    const version = (await readFile(raw)).readBigUInt64LE(12);
    expect(version).toBe(64n);
  });

  it('keeps its columns, also those that no content hash covers', async () => {
    const { raw } = await take(join(SAMPLES_OF_DUCKDB_2, 'reflection.duckdb'), SET_UP);
    const columns = (file: string) =>
      query(
        `SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'a' AND table_name = 'conversations_v2'`,
        { a: file },
      );
    expect(await columns(raw)).toEqual(await columns(join(SAMPLES, 'reflection.duckdb')));
    const [row] = await query(
      `SELECT count(embedding)::INTEGER AS vectors, max(length(content))::INTEGER AS longest, count(DISTINCT content)::INTEGER AS texts
       FROM a.conversations_v2`,
      { a: raw },
    );
    expect(row).toEqual({ vectors: 208, longest: 64_048, texts: 208 });
  });

  it('is read with its log', async () => {
    const database = join(await temporaryFolder(), 'x.duckdb');
    await writeAndDie(
      database,
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 SELECT i::VARCHAR, 'text ' || i FROM range(50) t(i)`,
      'CHECKPOINT',
      `INSERT INTO conversations_v2 SELECT i::VARCHAR, 'text ' || i FROM range(50, 75) t(i)`,
    );
    expect((await readFile(`${database}.wal`)).length).toBeGreaterThan(500);
    const { snapshot } = await take(database, SET_UP);
    expect(snapshot).toMatchObject({ rows: { conversation: 75 }, reader: 'duckdb-python 2.0.0', flags: [] });
  });

  it('goes up as it is where its log has been damaged, instead of without its rows', async () => {
    const database = join(await temporaryFolder(), 'x.duckdb');
    await writeAndDie(
      database,
      'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO conversations_v2 VALUES ('1', 'in the log')`,
    );
    const log = await readFile(`${database}.wal`);
    await writeFile(`${database}.wal`, log.fill(0xff, 0, 3));
    const { snapshot } = await take(database, SET_UP);
    expect(snapshot).toMatchObject({ flags: ['unread'], logs: [{ name: 'stored.wal' }] });
    expect(snapshot.notice).toMatch(/duckdb-python 2\.0\.0: .*x\.duckdb has a log that does not begin/);
  });

  it('has the digest of the same rows in a file of ours', async () => {
    const [folder, statements] = [
      await temporaryFolder(),
      [
        'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, importance_score FLOAT, "timestamp" TIMESTAMP)',
        `INSERT INTO conversations_v2 SELECT i::VARCHAR, 'text ' || i, i / 7, TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE FROM range(50) t(i)`,
      ],
    ];
    await writeAndDie(join(folder, 'newer.duckdb'), ...statements);
    await makeDatabase(join(folder, 'ours.duckdb'), ...statements);
    const [newer, ours] = [
      await take(join(folder, 'newer.duckdb'), SET_UP),
      await take(join(folder, 'ours.duckdb'), {}),
    ];
    expect(newer.snapshot.rowsDigest).toBe(ours.snapshot.rowsDigest);
  });
});

describe('the reader', () => {
  it('is the configured command, then a duckdb on PATH, then Python, then what set-up installed', async () => {
    const [configured, onPath] = [await temporaryFolder(), await temporaryFolder()];
    const command = [await commandLine(configured, { version: '2.2.0' })];
    await commandLine(onPath, { version: '2.1.0' });
    const python = await writeProgram(
      onPath,
      'python3',
      `if [ "$1" = --version ]; then echo Python 3.13.0; else echo 2.0.1; fi`,
    );
    const first = async (options: ExternalReaderOptions): Promise<string> => {
      const found = await findExternalReader(options);
      return found === undefined ? 'none' : `${found.name} of ${found.source}`;
    };
    const usual = process.env['PATH'] ?? '';
    setEnvironment('PATH', [onPath, usual].join(delimiter));
    expect(await first({ command, ...SET_UP })).toBe('duckdb-cli 2.2.0 of setting');
    expect(await first(SET_UP)).toBe('duckdb-cli 2.1.0 of path');
    await commandLine(onPath, { version: '1.5.6' });
    expect(await first(SET_UP)).toBe('duckdb-python 2.0.1 of python');
    await writeProgram(
      onPath,
      'python3',
      `if [ "$1" = --version ]; then echo Python 3.13.0; else exit 1; fi`,
    );
    expect(await first({})).toBe('none');
    expect(await first({ command: [python, '--strange'] })).toBe('none');
    setEnvironment('PATH', usual);
    expect(await first({ command: ['python3'], pythonPath: MODULE })).toMatch(/2\.0\.0 of set-up$/);
  });

  it('may be a duckdb program', async () => {
    const folder = await temporaryFolder();
    const log = join(folder, 'log');
    const command = [await commandLine(folder, { log })];
    const { snapshot } = await take(join(SAMPLES_OF_DUCKDB_2, 'knowledge_graph.duckdb'), { command });
    expect(snapshot).toMatchObject({ rows: { entity: 56, relation: 79 }, reader: 'duckdb-cli 2.0.0' });
    // Nothing of the user's own, nothing asked, nothing after an error.
    expect((await readFile(log, 'utf8')).split('\n')).toEqual([
      '--version',
      ...Array<string>(2).fill('-no-init -batch -bail :memory:'),
      '',
    ]);
  });

  it('that fails is followed by the next', async () => {
    const command = [
      await writeProgram(
        await temporaryFolder(),
        'broken',
        `if [ "$1" = --version ]; then echo v2.5.0; else echo 'IO Error: broken' >&2; exit 1; fi`,
      ),
    ];
    const { snapshot } = await take(join(SAMPLES_OF_DUCKDB_2, 'knowledge_graph.duckdb'), {
      command,
      ...SET_UP,
    });
    expect(snapshot).toMatchObject({ rows: { entity: 56, relation: 79 }, reader: 'duckdb-python 2.0.0' });
  });

  it('is not told the credentials in the environment', async () => {
    setEnvironment('AWS_SECRET_ACCESS_KEY', 'hush');
    const folder = await temporaryFolder();
    const seen = join(folder, 'environment');
    const script = `if [ "$1" = --version ]; then echo v2.5.0; else env > '${seen}'; exit 1; fi`;
    const command = [await writeProgram(folder, 'curious', script)];
    await take(join(SAMPLES_OF_DUCKDB_2, 'knowledge_graph.duckdb'), { command });
    expect(await readFile(seen, 'utf8')).toMatch(/^PATH=/m);
    expect(await readFile(seen, 'utf8')).not.toContain('hush');
  });

  it('that hangs is ended, and the file goes up unread', async () => {
    // Without what else this machine may have, which would be looked for, and takes its time.
    setEnvironment('PATH', '/usr/bin:/bin');
    const { command, pid } = await hanging();
    const database = join(SAMPLES_OF_DUCKDB_2, 'knowledge_graph.duckdb');
    const { snapshot } = await take(database, { command }, { jobTimeoutMs: 12_000 });
    expect(snapshot).toMatchObject({
      flags: ['unread'],
      notice: expect.stringContaining('duckdb-cli 2.5.0: not done after 6000 ms'),
    });
    await expectGone(await pid());
  });

  it('ends with the call that started it', async () => {
    const { command, pid } = await hanging();
    const caller = new AbortController();
    const folder = await temporaryFolder();
    const database = join(SAMPLES_OF_DUCKDB_2, 'knowledge_graph.duckdb');
    const pool = openPool({ external: { command }, jobTimeoutMs: 120_000 });
    const running = pool.snapshotDatabase({ database, folder, name: 'x' }, { signal: caller.signal });
    const started = await pid();
    caller.abort();
    await expect(running).rejects.toMatchObject({ type: 'Cancelled' });
    await expectGone(started);
  });

  /** A reader that does nothing for ever, through a child of its own. */
  async function hanging() {
    const folder = await temporaryFolder();
    const file = join(folder, 'pid');
    const script = `if [ "$1" = --version ]; then echo v2.5.0; exit; fi
echo $$ > '${file}'
exec sleep 1000`;
    return {
      command: [await writeProgram(folder, 'hanging', script)],
      pid: async (): Promise<number> => {
        for (;;) {
          const text = await readFile(file, 'utf8').catch(() => '');
          if (text.endsWith('\n')) return Number(text);
          await sleep(20);
        }
      },
    };
  }

  async function expectGone(pid: number): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline) {
      try {
        process.kill(pid, 0);
      } catch {
        return;
      }
      await sleep(20);
    }
    throw new Error(`process ${pid} still runs`);
  }
});

describe('where there is no reader', () => {
  /** Version 999 with a checksum that is sound: what a DuckDB of the future could leave, log included. */
  async function futureDatabase(): Promise<string> {
    const database = join(await temporaryFolder(), 'x.duckdb');
    await copyFile(join(SAMPLES, 'wal_fresh/reflection.duckdb'), database);
    await copyFile(join(SAMPLES, 'wal_fresh/reflection.duckdb.wal'), `${database}.wal`);
    await setFileVersion(database, 999n);
    return database;
  }

  it('the file and its log go up as they are, flagged, with the way to get one', async () => {
    setEnvironment('PATH', '/nowhere');
    const database = await futureDatabase();
    const { snapshot, raw } = await take(database, { command: ['/nowhere/duckdb'], ...SET_UP });
    expect(snapshot).toMatchObject({
      rows: {},
      reader: 'none',
      flags: ['unread'],
      excluded: {},
      logs: [{ name: 'stored.wal', compression: 'gzip' }],
      notice: expect.stringMatching(
        /x\.duckdb has DuckDB file version 999, which this build \(DuckDB v1\..*reader_command \/nowhere\/duckdb: .*AKOSHA_READER_COMMAND/,
      ),
    });
    expect((await readFile(raw)).equals(await readFile(database))).toBe(true);
    const log = snapshot.logs[0]?.path ?? '';
    await gunzipTo(log, `${log}.raw`);
    expect((await readFile(`${log}.raw`)).equals(await readFile(`${database}.wal`))).toBe(true);
  });

  it('its digest changes with any byte of the file or its log', async () => {
    setEnvironment('PATH', '/nowhere');
    const database = await futureDatabase();
    const digest = async (): Promise<string> => (await take(database, {})).snapshot.rowsDigest;
    const first = await digest();
    expect(await digest()).toBe(first);
    await copyFile(join(SAMPLES, 'wal_fresh/reflection.duckdb'), `${database}.wal`);
    expect(await digest()).not.toBe(first);
  });

  it('it does not go up where memories are excluded', async () => {
    setEnvironment('PATH', '/nowhere');
    const exclude: Exclusions = { projects: ['secret'], kinds: [], categories: [], patterns: [] };
    await expect(take(await futureDatabase(), {}, { exclude })).rejects.toMatchObject({
      type: 'DatabaseUnreadable',
      message: expect.stringMatching(/AKOSHA_READER_COMMAND.*may not leave the host/),
    });
  });
});
