import { mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { AkoshaError } from '../../contract/index.js';
import { isRunning, processStart } from '../../runtime/index.js';

/**
 * A lock file with the owner's pid and start time. A process that died leaves it behind; since a pid is used again, only pid and
 * start time together say whether the owner lives.
 */
export async function lockStore(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, 'lock');
  const mine = `${process.pid} ${processStart(process.pid) ?? ''}`;
  for (;;) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(mine);
      await handle.close();
      return () => rm(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      await removeIfStale(file);
    }
  }
}

async function removeIfStale(file: string): Promise<void> {
  const content = await readFile(file, 'utf8').catch(() => '');
  const [pid, startedAt] = content.split(' ');
  if (pid !== undefined && startedAt !== undefined && isRunning({ pid: Number(pid), startedAt })) {
    throw new AkoshaError(
      'StoreLocked',
      `process ${pid} owns ${file}: stop it, or set AKOSHA_DATA_DIR to another folder`,
    );
  }
  await rm(file, { force: true });
}
