import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AkoshaError } from '../contract/index.js';
import { isRunning, processStart } from './process.js';

/**
 * Takes a lock that dies with its process: a file with the owner's pid and start time, since a pid alone is used again. It appears whole,
 * by a link, and a dead owner's is moved aside before it is judged, so that of several takers one wins.
 * Raises `StoreLocked` while the owner lives. Returns what gives it back.
 */
export async function takeLock(file: string): Promise<() => Promise<void>> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const mine = `${process.pid} ${processStart(process.pid) ?? ''} ${randomUUID()}`;
  const draft = `${file}.${process.pid}-${randomUUID()}`;
  await writeFile(draft, mine);
  try {
    while (!(await tryLink(draft, file))) await removeIfDead(file);
  } finally {
    await rm(draft, { force: true });
  }
  return async () => {
    if ((await readIfThere(file)) === mine) await rm(file, { force: true });
  };
}

async function tryLink(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function removeIfDead(file: string): Promise<void> {
  const content = await readIfThere(file);
  if (content === undefined) return;
  const pid = livingOwner(content);
  if (pid !== undefined) {
    throw new AkoshaError(
      'StoreLocked',
      `process ${pid} owns ${file}: stop it, or set AKOSHA_DATA_DIR to another folder`,
    );
  }
  const aside = `${file}.dead-${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  // Somebody may have taken it between the look and the rename: then it goes back.
  const moved = await readIfThere(aside);
  if (moved !== undefined && moved !== content) await tryLink(aside, file);
  await rm(aside, { force: true });
}

function livingOwner(content: string): number | undefined {
  const [pid, startedAt] = content.split(' ');
  return pid !== undefined && startedAt !== undefined && isRunning({ pid: Number(pid), startedAt })
    ? Number(pid)
    : undefined;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
