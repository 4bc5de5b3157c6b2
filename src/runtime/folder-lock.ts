import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AkoshaError } from '../contract/index.js';
import { ownerOf } from './lock-owner.js';
import { isRunning, processStart } from './process.js';

/**
 * Takes a lock file with the owner's pid and start time, and returns what gives it back. A process that died leaves it behind; since
 * a pid is used again, only pid and start time together say whether the owner lives. Raises `StoreLocked` where it does.
 */
export async function takeLock(file: string): Promise<() => Promise<void>> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // The last line tells this lock from another of the same process.
  const mine = `${process.pid} ${processStart(process.pid) ?? ''}\n${randomUUID()}\n`;
  while (!(await tryLock(file, mine))) {
    const found = await readLock(file);
    if (found === undefined) continue;
    refuseIfAlive(file, found);
    await removeStale(file, found);
  }
  return async () => {
    if ((await readLock(file)) === mine) await rm(file, { force: true });
  };
}

/** By link, so that the lock is never seen without its owner, and of many who try one succeeds. */
async function tryLock(file: string, mine: string): Promise<boolean> {
  const own = `${file}.${process.pid}.${randomUUID()}`;
  try {
    await writeFile(own, mine);
    await link(own, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(own, { force: true });
  }
}

async function readLock(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function refuseIfAlive(file: string, found: string): void {
  const owner = ownerOf(found);
  if (owner === undefined || !isRunning(owner)) return;
  throw new AkoshaError(
    'StoreLocked',
    `process ${owner.pid} owns ${file}: stop it, or set AKOSHA_DATA_DIR to another folder`,
  );
}

/**
 * By rename, so that of two who find a lock stale one removes it. Should the name hold a newer lock by then, it is put back.
 * A third process could take the name in that instant; of two servers the second then fails at DuckDB's own lock on its files.
 */
async function removeStale(file: string, found: string): Promise<void> {
  const aside = `${file}.${process.pid}.${randomUUID()}`;
  try {
    await rename(file, aside);
    if ((await readLock(aside)) !== found) await link(aside, file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
