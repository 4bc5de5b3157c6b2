import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { isAkoshaError } from '../../src/contract/index.js';
import { processStart, takeLock } from '../../src/runtime/index.js';
import { temporaryFolder } from '../reader/support.js';

/** What happens between a look at a lock and its rename. A double, because no real disk waits at that very place. */
const disk = vi.hoisted(() => ({ beforeRename: undefined as (() => Promise<void>) | undefined }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  const rename: typeof real.rename = async (from, to) => {
    await disk.beforeRename?.();
    await real.rename(from, to);
  };
  return { ...real, rename };
});

/** Another process that is about to lock the folder. */
async function startHolder(folder: string): Promise<ChildProcess> {
  const holder = fork(fileURLToPath(new URL('./lock-holder.mjs', import.meta.url)), [folder]);
  onTestFinished(() => void holder.kill('SIGKILL'));
  await once(holder, 'message');
  return holder;
}

/** Lets it lock, and returns how that went. */
async function lockIn(holder: ChildProcess): Promise<unknown> {
  const answer = once(holder, 'message');
  holder.send('go');
  return (await answer)[0] as unknown;
}

async function kill(holder: ChildProcess): Promise<void> {
  const ended = once(holder, 'exit');
  holder.kill('SIGKILL');
  await ended;
}

/** What a process of this number that started at another time left behind. */
const stale = (folder: string): Promise<void> =>
  writeFile(join(folder, 'lock'), `${process.pid} long ago\nits token\n`);

/** How many of so many calls at once get the lock; the others must find it taken. */
async function winners(folder: string, calls: number): Promise<number> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: calls }, () => takeLock(join(folder, 'lock'))),
  );
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected' && !isAkoshaError(outcome.reason, 'StoreLocked')) throw outcome.reason;
  }
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

describe('the lock of a folder', () => {
  it('names its owner, is refused to a second, and leaves nothing when it is given back', async () => {
    const folder = await temporaryFolder();
    const unlock = await takeLock(join(folder, 'lock'));
    expect(await readFile(join(folder, 'lock'), 'utf8')).toContain(
      `${process.pid} ${processStart(process.pid) ?? expect.fail()}\n`,
    );
    await expect(takeLock(join(folder, 'lock'))).rejects.toMatchObject({
      type: 'StoreLocked',
      message: expect.stringContaining('AKOSHA_DATA_DIR'),
    });
    await unlock();
    expect(await readdir(folder)).toEqual([]);
    await (
      await takeLock(join(folder, 'lock'))
    )();
  });

  it('goes to one of many that ask at once, and no other file stays', async () => {
    const folder = await temporaryFolder();
    expect(await winners(folder, 20)).toBe(1);
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('left behind goes to one of two that ask at once', async () => {
    const folder = await temporaryFolder();
    await stale(folder);
    expect(await winners(folder, 2)).toBe(1);
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('left behind is not taken from one who took it over while another was about to', async () => {
    const folder = await temporaryFolder();
    await stale(folder);
    const first = { content: '' };
    disk.beforeRename = async () => {
      disk.beforeRename = undefined;
      await takeLock(join(folder, 'lock'));
      first.content = await readFile(join(folder, 'lock'), 'utf8');
    };
    await expect(takeLock(join(folder, 'lock'))).rejects.toMatchObject({ type: 'StoreLocked' });
    expect(await readdir(folder)).toEqual(['lock']);
    expect(await readFile(join(folder, 'lock'), 'utf8')).toBe(first.content);
  });

  it('without a word in it is nobody’s', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'lock'), '');
    await (
      await takeLock(join(folder, 'lock'))
    )();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is not given back by one from whom it was taken', async () => {
    const folder = await temporaryFolder();
    const unlock = await takeLock(join(folder, 'lock'));
    await stale(folder);
    const second = await takeLock(join(folder, 'lock'));
    await unlock();
    expect(await readdir(folder)).toEqual(['lock']);
    await second();
    expect(await readdir(folder)).toEqual([]);
  });

  it('keeps another process out until its owner is killed', async () => {
    const folder = await temporaryFolder();
    const [first, second] = await Promise.all([startHolder(folder), startHolder(folder)]);
    const answers = await Promise.all([lockIn(first), lockIn(second)]);
    expect(answers.sort()).toEqual(['StoreLocked', 'locked']);
    await expect(takeLock(join(folder, 'lock'))).rejects.toMatchObject({ type: 'StoreLocked' });
    await Promise.all([kill(first), kill(second)]);
    await (
      await takeLock(join(folder, 'lock'))
    )();
    expect(await readdir(folder)).toEqual([]);
  });
});
