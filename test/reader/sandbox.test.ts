import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { quoteText, withSandbox } from '../../src/reader/sandbox.js';
import { makeDatabase } from '../support/databases.js';
import { temporaryFolder } from './support.js';

const LIMITS = { memoryLimitMb: 128, maxSpillBytes: 1_000_000 };

/** What each statement comes to in a sandbox over one folder and one further file. */
async function outcomes(
  sandbox: { folder: string; files: string[] },
  statements: string[],
): Promise<string[]> {
  return withSandbox({ ...sandbox, ...LIMITS }, async (connection) => {
    const seen: string[] = [];
    for (const statement of statements) {
      const outcome = await connection.run(statement).then(
        () => 'done',
        (error: unknown) => String(error).replace(/^Error: ([A-Za-z ]+ Error):[^]*$/, '$1'),
      );
      seen.push(outcome);
    }
    return seen;
  });
}

it('reaches its folder and its files, and nothing else', async () => {
  const root = await temporaryFolder();
  const folder = join(root, `in'side`);
  const beside = join(root, `in'side-by-name`);
  await mkdir(folder);
  await mkdir(beside);
  await makeDatabase(join(folder, 'a.duckdb'), 'CREATE TABLE t(i INTEGER)');
  await makeDatabase(join(beside, 'b.duckdb'), 'CREATE TABLE t(i INTEGER)');
  await writeFile(join(beside, 'secret.csv'), 'secret\n1\n');
  const file = join(root, 'out.parquet');
  expect(
    await outcomes({ folder, files: [file] }, [
      `ATTACH ${quoteText(join(folder, 'a.duckdb'))} AS a`,
      `COPY a.t TO ${quoteText(file)} (FORMAT parquet, USE_TMP_FILE false)`,
      `FROM read_parquet(${quoteText(file)})`,
      `ATTACH ${quoteText(join(beside, 'b.duckdb'))} AS b`,
      `FROM read_csv(${quoteText(join(beside, 'secret.csv'))})`,
      `FROM read_csv(${quoteText(join(folder, '..', `in'side-by-name`, 'secret.csv'))})`,
      `FROM glob('/etc/*')`,
      `COPY a.t TO ${quoteText(join(root, 'other.parquet'))}`,
      `EXPORT DATABASE ${quoteText(join(root, 'dump'))}`,
    ]),
  ).toEqual(['done', 'done', 'done', ...Array<string>(6).fill('Permission Error')]);
  expect((await readdir(root)).sort()).toEqual([`in'side`, `in'side-by-name`, 'out.parquet']);
});

it('cannot be opened up again, nor load code', async () => {
  const folder = await temporaryFolder();
  expect(
    await outcomes({ folder, files: [] }, [
      'SET enable_external_access = true',
      `SET allowed_directories = ['/']`,
      `SET memory_limit = '100GB'`,
      'SET threads = 8',
      'INSTALL httpfs',
      'LOAD httpfs',
      `FROM read_csv('https://127.0.0.1:9/x.csv')`,
    ]),
  ).toEqual([...Array<string>(4).fill('Invalid Input Error'), ...Array<string>(3).fill('Permission Error')]);
});

it('keeps to its memory', async () => {
  const folder = await temporaryFolder();
  const [outcome] = await outcomes({ folder, files: [] }, [
    `CREATE TABLE big AS SELECT repeat('x', 1000000) || i AS text FROM range(1000) AS t(i)`,
  ]);
  expect(outcome).toBe('Out of Memory Error');
});
