import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from './shell.mjs';

const FOLDER = join(ROOT, '.tools');
const LOCK = join(FOLDER, 'setup.lock');
/** A lock without a readable pid is one being written this moment, or left by a crash in that moment. */
const WRITING_MS = 5_000;

/**
 * Runs `work` while no other set-up of this checkout runs. Waits for one that does; takes over from one that died.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @param {(text: string) => void} note
 */
export async function exclusively(work, note) {
  await mkdir(FOLDER, { recursive: true });
  let told = false;
  while (!(await take())) {
    if (await isAbandoned()) {
      await rm(LOCK, { force: true });
      continue;
    }
    if (!told) note('setup: waiting for another set-up of this checkout');
    told = true;
    await sleep(200);
  }
  try {
    return await work();
  } finally {
    await rm(LOCK, { force: true });
  }
}

async function take() {
  try {
    await writeFile(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isAbandoned() {
  try {
    const pid = Number(await readFile(LOCK, 'utf8'));
    if (pid === 0) return Date.now() - (await stat(LOCK)).mtimeMs > WRITING_MS;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: it runs, as somebody else. ENOENT: it has just been given back.
    return error.code === 'ESRCH';
  }
}
