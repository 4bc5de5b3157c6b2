import { execFileSync, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';
import { foreignFault } from '../../src/reader/database-file.js';
import { isMachineFault } from '../../src/reader/index.js';
import type { Job } from '../../src/reader/messages.js';
import { lacksResources } from '../../src/reader/reader-failed.js';
import { ReaderProcess, readerEnvironment } from '../../src/reader/reader-process.js';
import { SAMPLES } from '../support/databases.js';
import { openPool, setEnvironment, temporaryFolder, readOne } from './support.js';

/** A job that never ends: nothing ever opens the other end of the pipe. */
async function endlessFile(): Promise<string> {
  const path = join(await temporaryFolder(), 'pipe');
  execFileSync('mkfifo', [path]);
  return path;
}

async function smallFile(text = 'abc'): Promise<string> {
  const path = join(await temporaryFolder(), 'file');
  await writeFile(path, text);
  return path;
}

/** A job that no reader knows: one of a later version. */
const UNHEARD_OF: Job = JSON.parse('{"job":"unheard-of"}');

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

it('hashes a file', async () => {
  expect(await openPool().hashFile(await smallFile('abc'))).toEqual({ bytes: 3, sha256: sha256('abc') });
  expect(await openPool().hashFile(await smallFile(''))).toEqual({ bytes: 0, sha256: sha256('') });
});

it('uses a child again, and replaces it after so many jobs', async () => {
  const pool = openPool({ maxJobsPerChild: 3 });
  const path = await smallFile();
  expect(pool.forked).toBe(0);
  for (let job = 0; job < 3; job += 1) await pool.hashFile(path);
  expect(pool.forked).toBe(1);
  await pool.hashFile(path);
  expect(pool.forked).toBe(2);
});

it('works with no more children than its size, in order of the calls', async () => {
  const pool = openPool({ size: 2 });
  const paths = await Promise.all(Array.from({ length: 20 }, (_, n) => smallFile(`file ${n}`)));
  const sums = await Promise.all(paths.map((path) => pool.hashFile(path)));
  expect(sums.map((sum) => sum.sha256)).toEqual(paths.map((_, n) => sha256(`file ${n}`)));
  expect(pool.forked).toBe(2);
});

it("raises a job's own error with its type and details, and replaces the child", async () => {
  const pool = openPool();
  const folder = await temporaryFolder();
  const job = {
    stored: await smallFile('not a database'),
    output: join(folder, 'out.parquet'),
  };
  await expect(readOne(pool, job)).rejects.toMatchObject({
    name: 'AkoshaError',
    type: 'UploadUnreadable',
    message: expect.stringContaining('is not a DuckDB file'),
    details: { file: 'file', rule: expect.stringContaining('DUCK') },
  });
  await expect(readOne(pool, { ...job, label: 'laptop.duckdb.gz' })).rejects.toMatchObject({
    message: expect.stringMatching(/^laptop\.duckdb\.gz is not/),
  });
  await pool.hashFile(job.stored);
  expect(pool.forked).toBe(3);
});

it('kills a child that takes too long, and goes on with the next', async () => {
  const pool = openPool({ jobTimeoutMs: 700 });
  const path = await smallFile();
  const slow = pool.hashFile(await endlessFile());
  const next = pool.hashFile(path);
  await expect(slow).rejects.toMatchObject({
    type: 'ReaderFailed',
    message: expect.stringMatching(/^hashing .*pipe: not done after 700 ms$/),
  });
  expect((await next).bytes).toBe(3);
});

it('ends what hangs while others wait, and does it again after them', async () => {
  const onSlow = vi.fn<(owner: string) => void>();
  const slow = { afterMs: 300, size: 1, waiting: 2, onSlow };
  const pool = openPool({ size: 1, jobTimeoutMs: 1_500, slow });
  const began = performance.now();
  const hanging = ['one', 'two', 'three'].map(async (owner) => {
    const stored = await endlessFile();
    const output = join(await temporaryFolder(), 'out.parquet');
    return expect(readOne(pool, { stored, output }, { owner })).rejects.toMatchObject({
      type: 'ReaderFailed',
      message: expect.stringContaining('not done after 1500 ms'),
    });
  });
  await vi.waitFor(() => expect(pool.forked).toBeGreaterThan(0));
  const path = await smallFile();
  const others = await Promise.all(['a', 'b', 'c'].map((owner) => pool.hashFile(path, { owner })));
  expect(others.map(({ bytes }) => bytes)).toEqual([3, 3, 3]);
  // Three time limits, were they to wait for those that hang.
  expect(performance.now() - began).toBeLessThan(4_000);
  await Promise.all(hanging);
  expect(onSlow.mock.calls.flat().sort()).toEqual(['one', 'three', 'two']);
});

it('kills a child whose caller gave up, and leaves no scratch', async () => {
  const folder = await temporaryFolder();
  const pool = openPool({ folder });
  const caller = new AbortController();
  const output = join(folder, 'out.parquet');
  const running = readOne(pool, { stored: await endlessFile(), output }, { signal: caller.signal });
  while ((await readdir(folder)).length === 0) await sleep(10);
  caller.abort();
  await expect(running).rejects.toMatchObject({ type: 'Cancelled' });
  expect(await readdir(folder)).toEqual([]);
});

it('clears away what readers of a dead process left, and nobody else’s', async () => {
  const folder = await temporaryFolder();
  const put = async (name: string, hoursAgo: number): Promise<void> => {
    await mkdir(join(folder, name, 'job-0'), { recursive: true });
    await writeFile(join(folder, name, 'job-0', 'unpacked.duckdb'), 'memories');
    const time = Date.now() / 1000 - hoursAgo * 3600;
    await utimes(join(folder, name), time, time);
  };
  await put('.reader-dead', 25);
  await put('.reader-alive', 23);
  await put('of-others', 25);
  const pool = openPool({ folder });
  const output = join(await temporaryFolder(), 'out.parquet');
  await readOne(pool, { stored: join(SAMPLES, 'knowledge_graph.duckdb'), output });
  await pool.close();
  expect((await readdir(folder)).sort()).toEqual(['.reader-alive', 'of-others']);
});

it('forgets a waiting job whose caller gave up, and no other', async () => {
  const pool = openPool();
  const blocker = new AbortController();
  const waiter = new AbortController();
  const path = await smallFile();
  const running = pool.hashFile(await endlessFile(), { signal: blocker.signal });
  const waiting = pool.hashFile(path, { signal: waiter.signal });
  const behind = pool.hashFile(path);
  waiter.abort();
  await expect(waiting).rejects.toMatchObject({ type: 'Cancelled' });
  blocker.abort();
  await expect(running).rejects.toMatchObject({ type: 'Cancelled' });
  expect((await behind).bytes).toBe(3);
});

it('reports a child that died, once: its successor does the job', async () => {
  setEnvironment('AKOSHA_FAIL_POINT', 'upload.after-copy');
  const pool = openPool();
  const folder = await temporaryFolder();
  const job = { database: join(SAMPLES, 'knowledge_graph.duckdb'), folder, name: 'x' };
  await expect(pool.snapshotDatabase(job)).rejects.toMatchObject({
    type: 'ReaderFailed',
    message: expect.stringContaining('knowledge_graph.duckdb: the reader died (SIGKILL)'),
  });
  expect(await readdir(folder)).toEqual([]);
  expect((await pool.snapshotDatabase(job)).rows).toEqual({ entity: 56, relation: 79 });
});

it('says what a dying child wrote to stderr', async () => {
  const reader = new ReaderProcess(readerEnvironment(false));
  await expect(reader.run(UNHEARD_OF, { timeoutMs: 20_000 })).rejects.toMatchObject({
    type: 'ReaderFailed',
    message: expect.stringMatching(/the reader died \(exit code 1\)[^]*invalid_union/i),
  });
  expect(reader.usable).toBe(false);
});

it.each([
  [
    'it died at work',
    false,
    async () => {
      setEnvironment('AKOSHA_FAIL_POINT', 'upload.after-copy');
      const folder = await temporaryFolder();
      const job = { database: join(SAMPLES, 'knowledge_graph.duckdb'), folder, name: 'x' };
      return openPool().snapshotDatabase(job);
    },
  ],
  ['it took too long', false, async () => openPool({ jobTimeoutMs: 2_000 }).hashFile(await endlessFile())],
  [
    'it ran out of the memory it may have',
    false,
    async () => {
      const folder = await temporaryFolder();
      const pool = openPool({ memoryLimitMb: 1 });
      const stored = join(SAMPLES, 'reflection.duckdb');
      return readOne(pool, { stored, output: join(folder, 'out.parquet') });
    },
  ],
  [
    'it did not understand what it was to do, as where the program was updated under it',
    true,
    () =>
      new ReaderProcess(readerEnvironment(false)).run(UNHEARD_OF, {
        timeoutMs: 20_000,
      }),
  ],
  [
    'it did not come to begin in time',
    true,
    async () => openPool({ jobTimeoutMs: 1 }).hashFile(await smallFile()),
  ],
])('a reader that failed because %s: the fault is the machine’s: %s', async (_why, machine, run) => {
  const error: unknown = await run().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ type: 'ReaderFailed' });
  expect(isMachineFault(error)).toBe(machine);
});

it.each([
  ['ENOSPC: no space left on device, write', true],
  ['EDQUOT: disk quota exceeded, write', true],
  ['EMFILE: too many open files, open', true],
  ['IO Error: Could not write file "x": No space left on device', true],
  ['Out of Memory Error: failed to offload data block of size 256.0 KiB', false],
  ['Invalid Input Error: something else', false],
])('%s: every file would have failed: %s', (message, machine) => {
  expect(lacksResources(new Error(message))).toBe(machine);
  const file = { label: 'x', path: '/x', brokenType: 'UploadUnreadable' } as const;
  expect(isMachineFault(foreignFault(file, new Error(message)))).toBe(machine);
});

it('tells children nothing of the credentials in the environment', () => {
  setEnvironment('AWS_SECRET_ACCESS_KEY', 'secret');
  setEnvironment('AKOSHA_API_TOKEN', 'secret');
  expect(Object.values(readerEnvironment(true))).not.toContain('secret');
  expect(readerEnvironment(true)['PATH']).toBe(process.env['PATH']);
});

it('rejects what runs and waits when it is closed, and takes no more', async () => {
  const pool = openPool();
  const running = pool.hashFile(await endlessFile());
  const waiting = pool.hashFile(await smallFile());
  const outcomes = Promise.allSettled([running, waiting]);
  await sleep(200);
  await pool.close();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { type: 'Cancelled' } });
  }
  await expect(pool.hashFile(await smallFile())).rejects.toMatchObject({ type: 'Cancelled' });
});

it('leaves no child behind when its own process is killed, idle or at work', async () => {
  const parent = fork(fileURLToPath(new URL('./pool-parent.mjs', import.meta.url)), [
    await smallFile(),
    await endlessFile(),
  ]);
  const [pids] = (await once(parent, 'message')) as [number[]];
  expect(pids).toHaveLength(2);
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  const deadline = Date.now() + 10_000;
  while (pids.some(isAlive) && Date.now() < deadline) await sleep(20);
  expect(pids.filter(isAlive)).toEqual([]);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
