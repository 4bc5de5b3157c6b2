import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessRef {
  pid: number;
  /** When it started, in a form that only equality is asked of. */
  startedAt: string;
}

/**
 * When the process of this number started, or undefined where none runs (one that has ended but was not reaped by
 * its parent does not run). Process numbers are used again; a number and a start time are not.
 */
export function processStart(pid: number): string | undefined {
  return existsSync('/proc/self/stat') ? startFromProc(pid) : startFromPs(pid);
}

export function isRunning({ pid, startedAt }: ProcessRef): boolean {
  return processStart(pid) === startedAt;
}

/** Sends a signal to exactly this process; nothing happens where it has ended. */
export function signalProcess(ref: ProcessRef, signal: NodeJS.Signals): void {
  if (!isRunning(ref)) return;
  try {
    process.kill(ref.pid, signal);
  } catch (error) {
    // It ended between the look and the signal.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/**
 * Asks a process to end, waits, and kills it when `graceMs` have passed. Returns when it is gone.
 * The default is four times what the slower of the two servers was seen to need (SeaweedFS, 3.5 s).
 */
export async function endProcess(ref: ProcessRef, graceMs = 15_000): Promise<void> {
  signalProcess(ref, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  while (isRunning(ref) && Date.now() < deadline) await sleep(20);
  while (isRunning(ref)) {
    signalProcess(ref, 'SIGKILL');
    await sleep(20);
  }
}

/**
 * Linux: field 22 of `/proc/<pid>/stat` is the start in clock ticks since boot, so the boot's id goes with it: after
 * a reboot the same number may start at the same tick. The name in field 2 may hold spaces and brackets.
 */
function startFromProc(pid: number): string | undefined {
  let stat: string;
  let boot: string;
  try {
    boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields[18];
  return ticks === undefined || 'ZX'.includes(state) ? undefined : `${boot}/${ticks}`;
}

/** Elsewhere: `ps`, with zone and language fixed so that the answer stays the same for the same process. */
function startFromPs(pid: number): string | undefined {
  try {
    const options = {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC0' },
      stdio: 'pipe',
    } as const;
    const [state = '', ...start] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], options)
      .trim()
      .split(/\s+/);
    return state === '' || state.startsWith('Z') ? undefined : start.join(' ');
  } catch {
    return undefined;
  }
}
