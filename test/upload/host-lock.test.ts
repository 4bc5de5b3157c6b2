import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { withHostLock } from '../../src/upload/host-lock.js';
import { temporaryFolder } from '../reader/support.js';

async function lockFile(dataDir: string, content?: string): Promise<string> {
  await mkdir(join(dataDir, 'agent'), { recursive: true });
  const path = join(dataDir, 'agent', 'lock');
  if (content !== undefined) await writeFile(path, content);
  return path;
}

/** Another process that holds the lock until it is killed. */
async function startHolder(dataDir: string) {
  const holder = fork(fileURLToPath(new URL('./lock-holder.mjs', import.meta.url)), [dataDir]);
  onTestFinished(() => void holder.kill('SIGKILL'));
  await once(holder, 'message');
  return holder;
}

it('lets one in at a time, in order of the calls, and leaves nothing behind', async () => {
  const dataDir = await temporaryFolder();
  const seen: string[] = [];
  await Promise.all(
    [1, 2, 3].map((n) =>
      withHostLock(dataDir, undefined, async () => {
        seen.push(`in ${n}`);
        await sleep(20);
        seen.push(`out ${n}`);
      }),
    ),
  );
  expect(seen).toEqual(['in 1', 'out 1', 'in 2', 'out 2', 'in 3', 'out 3']);
  expect(await readdir(join(dataDir, 'agent'))).toEqual([]);
});

it('opens again after work that failed', async () => {
  const dataDir = await temporaryFolder();
  await expect(withHostLock(dataDir, undefined, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await withHostLock(dataDir, undefined, () => Promise.resolve(7))).toBe(7);
});

it('waits for another process, and goes in once that is killed', async () => {
  const dataDir = await temporaryFolder();
  const holder = await startHolder(dataDir);
  let entered = false;
  const waiting = withHostLock(dataDir, undefined, () => {
    entered = true;
    return Promise.resolve();
  });
  await sleep(600);
  expect(entered).toBe(false);
  holder.kill('SIGKILL');
  await waiting;
  expect(entered).toBe(true);
});

it('stops waiting when the caller gives up', async () => {
  const dataDir = await temporaryFolder();
  await startHolder(dataDir);
  const waiting = withHostLock(dataDir, AbortSignal.timeout(300), () => Promise.resolve());
  await expect(waiting).rejects.toMatchObject({ type: 'Cancelled' });
});

it('takes over the lock of a former process with this one’s id, as after a restart in a container', async () => {
  const dataDir = await temporaryFolder();
  const path = await lockFile(dataDir, `${process.pid} of-a-former-life`);
  await withHostLock(dataDir, undefined, async () => {
    expect(await readFile(path, 'utf8')).not.toContain('of-a-former-life');
  });
});

it('takes over a lock whose process id is in use but whose heart stopped', async () => {
  const dataDir = await temporaryFolder();
  const path = await lockFile(dataDir, `${process.ppid} long-gone`);
  const twoMinutesAgo = new Date(Date.now() - 120_000);
  await utimes(path, twoMinutesAgo, twoMinutesAgo);
  expect(await withHostLock(dataDir, undefined, () => Promise.resolve('in'))).toBe('in');
});

it('does not remove a lock that was taken from it', async () => {
  const dataDir = await temporaryFolder();
  const path = await lockFile(dataDir);
  await withHostLock(dataDir, undefined, () => writeFile(path, `${process.ppid} of-another`));
  expect(await readFile(path, 'utf8')).toBe(`${process.ppid} of-another`);
});
