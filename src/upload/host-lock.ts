import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMissing, makeFolderDurably } from '../runtime/index.js';
import { agentFolder, throwIfCancelled } from './options.js';

/** The holder touches its lock so often. */
const HEARTBEAT_MS = 5_000;

/**
 * Twelve missed heartbeats: the holder's machine or process is gone, even where its process id is in use
 * again.
 */
const STALE_MS = 60_000;

/** Another process's upload takes seconds; nobody notices a fifth of one. */
const POLL_MS = 200;

/**
 * Tokens of the locks that this process holds: after a restart in a container the process id is often the
 * same.
 */
const held = new Set<string>();

/** Ends of the last holder's work, by lock, so that callers in one process take turns without polling. */
const turns = new Map<string, Promise<void>>();

/**
 * Runs `work` while no other call, in this or another process of the host, prepares or removes an upload in
 * this data folder. Order numbers and snapshots must come in the same sequence, or an older state of a
 * database could replace a newer one.
 */
export function withHostLock<T>(
  dataDir: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  return withLock(join(agentFolder(dataDir), 'lock'), signal, work);
}

/**
 * Runs `work` while no other call delivers an upload of this data folder: two on one line would each take twice as long, and what
 * one drops as superseded the other must not be sending. Whoever needs the host lock as well takes it inside this one.
 */
export function withDeliveryLock<T>(
  dataDir: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  return withLock(join(agentFolder(dataDir), 'delivery.lock'), signal, work);
}

async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const before = turns.get(path);
  let done = (): void => undefined;
  const turn = new Promise<void>((resolve) => (done = resolve));
  turns.set(path, turn);
  try {
    await endOf(before, signal);
    await makeFolderDurably(dirname(path));
    const release = await acquire(path, signal);
    try {
      return await work();
    } finally {
      await release();
    }
  } finally {
    done();
    if (turns.get(path) === turn) turns.delete(path);
  }
}

/** Or the signal, whichever comes first: the lock itself keeps those apart who come early. */
async function endOf(before: Promise<void> | undefined, signal: AbortSignal | undefined): Promise<void> {
  if (before === undefined || signal === undefined) return before;
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  signal.addEventListener('abort', stop, { once: true });
  if (!signal.aborted) await Promise.race([before, stopped]);
  signal.removeEventListener('abort', stop);
}

async function acquire(path: string, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  const token = `${process.pid} ${randomUUID()}`;
  for (;;) {
    throwIfCancelled(signal, `waiting for ${path}`);
    if (await tryLock(path, token)) break;
    const found = await readLock(path);
    if (found === undefined) continue;
    if (await isStale(path, found)) await removeStale(path, found);
    else await sleep(POLL_MS);
  }
  held.add(token);
  const heartbeat = setInterval(() => {
    // A lock that was taken away shows at release; a missed beat is made up by the next.
    utimes(path, new Date(), new Date()).catch(() => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return async () => {
    clearInterval(heartbeat);
    held.delete(token);
    if ((await readLock(path)) === token) await rm(path, { force: true });
  };
}

/** By link, so that a lock is never seen without its owner. */
async function tryLock(path: string, token: string): Promise<boolean> {
  const own = `${path}.${randomUUID()}`;
  await writeFile(own, token);
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(own, { force: true });
  }
}

async function readLock(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function isStale(path: string, found: string): Promise<boolean> {
  const pid = Number.parseInt(found, 10);
  if (pid === process.pid) return !held.has(found);
  if (!isAlive(pid)) return true;
  try {
    return Date.now() - (await stat(path)).mtimeMs > STALE_MS;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * By rename, so that of two who find a lock stale one removes it; should it be a new one by then, it is put
 * back.
 */
async function removeStale(path: string, found: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await readLock(aside)) !== found) await link(aside, path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  } finally {
    await rm(aside, { force: true });
  }
}
