import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import {
  ReaderPool,
  type DatabaseRead,
  type JobOptions,
  type ReaderPoolOptions,
  type ReadRequest,
} from '../../src/reader/index.js';

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export function openPool(options: Partial<ReaderPoolOptions> = {}): ReaderPool {
  const pool = new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 30_000, ...options });
  onTestFinished(() => pool.close());
  return pool;
}

/** What an own time is of a memory that has none. */
export const UPLOADED = '2026-12-31 00:00:00';

export const TIMES = {
  timeZone: 'UTC',
  uploadedAt: Date.parse(`${UPLOADED}Z`),
  asOf: Date.parse('2030-01-01T00:00:00Z'),
};

/** Reads a database as an upload of its own. */
export async function readOne(
  pool: ReaderPool,
  {
    output,
    timeZone = 'UTC',
    ...database
  }: ReadRequest['databases'][number] & { output: string; timeZone?: string },
  options?: JobOptions,
): Promise<DatabaseRead> {
  const request = { ...TIMES, timeZone, databases: [database], output };
  const [result] = (await pool.readDatabases(request, options)).databases;
  if (result === undefined || 'fault' in result)
    throw new Error('a database that may not fail was answered without its rows');
  return result;
}

/** One pool for all tests of a file, whose jobs succeed: its child is used again. */
export function sharedPool(): () => ReaderPool {
  let pool: ReaderPool | undefined;
  beforeAll(() => {
    pool = new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 30_000 });
  });
  afterAll(() => pool?.close());
  return () => {
    if (pool === undefined) throw new Error('a shared pool is there only while tests run');
    return pool;
  };
}

/** Sets an environment variable for the rest of the test. */
export function setEnvironment(name: string, value: string): void {
  const before = process.env[name];
  process.env[name] = value;
  onTestFinished(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
}

export async function gunzipTo(stored: string, path: string): Promise<void> {
  await writeFile(path, gunzipSync(await readFile(stored)));
}

/**
 * Gives a DuckDB file another file version, with a sound checksum: DuckDB's own, over the words of the first
 * block.
 */
export async function setFileVersion(path: string, version: bigint): Promise<void> {
  const file = await readFile(path);
  file.writeBigUInt64LE(version, 12);
  let checksum = 5381n;
  for (let at = 8; at < 4096; at += 8) {
    checksum ^= BigInt.asUintN(64, file.readBigUInt64LE(at) * 0xbf58476d1ce4e5b9n);
  }
  file.writeBigUInt64LE(checksum, 0);
  await writeFile(path, file);
}
