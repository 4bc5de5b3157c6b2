import { execFile, execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const run = promisify(execFile);

/** A folder on a disk that can be full. Both calls do it before anything else runs. */
export interface SmallDisk {
  /** Takes the room that is left, but for so many bytes. */
  fill(leave?: number): void;
  /** Gives it back. */
  free(): void;
  /** Whether it is a file system of its own, which says so when it is full; else a limit of this process stands for it, whose files may not grow. */
  readonly isReal: boolean;
}

/**
 * Puts a folder, with what it holds, on a file system of its own in memory, for the test that runs. Nobody may have it open. That takes root's rights; without
 * them the limit of the system on the size of files that a process writes stands for the disk, whichever folder they are in.
 */
export async function smallDisk(folder: string, megabytes: number): Promise<SmallDisk> {
  const kept = `${folder}-before`;
  await mkdir(folder, { recursive: true });
  await rename(folder, kept);
  await mkdir(folder);
  const isReal = await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]).then(
    () => true,
    () => false,
  );
  if (isReal) onTestFinished(() => run('umount', ['--lazy', folder]).then(() => undefined));
  await cp(kept, folder, { recursive: true });
  await rm(kept, { recursive: true });
  return isReal ? realDisk(folder) : limitOfFiles();
}

function realDisk(folder: string): SmallDisk {
  const filler = path.join(folder, 'filler');
  return {
    isReal: true,
    fill: (leave = 0) => {
      const { bavail, bsize } = statfsSync(folder);
      try {
        writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - leave)));
      } catch (error) {
        // Threads and children may take some of it meanwhile.
        if (!isFull(error)) throw error;
      }
    },
    free: () => rmSync(filler, { force: true }),
  };
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC';
}

/** Node.js ignores the signal that goes with it, so that a write beyond it is an error. */
function limitOfFiles(): SmallDisk {
  const limit = (bytes: string): unknown =>
    execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
  const free = (): void => void limit('unlimited');
  onTestFinished(free);
  return { isReal: false, fill: (leave = 4096) => void limit(String(leave)), free };
}
