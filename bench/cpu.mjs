import { readdirSync, readFileSync } from 'node:fs';

/** Jiffies of /proc are hundredths of a second on every Linux that Node runs on. */
const JIFFY_SECONDS = 0.01;

/**
 * CPU seconds that this process and its descendants have used so far, by what they are for: it says what bounds a run on a busy
 * machine too. Read from /proc: Linux alone. A reader that ended in between is counted with its parent, the server.
 */
export function cpuSeconds() {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)));
  const parts = new Map();
  const mine = new Set([process.pid]);
  for (const { pid, parent, what, seconds } of processes.sort((a, b) => a.pid - b.pid)) {
    if (pid !== process.pid && !mine.has(parent)) continue;
    mine.add(pid);
    const part = pid === process.pid ? 'this bench' : what;
    parts.set(part, (parts.get(part) ?? 0) + seconds);
  }
  return parts;
}

function readProcess(pid) {
  try {
    const [, , parent, ...rest] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '0 ')
      .split(' ');
    // utime, stime, and those of children that ended.
    const jiffies = rest.slice(9, 13).reduce((sum, value) => sum + Number(value), 0);
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return [{ pid, parent: Number(parent), what: partOf(command), seconds: jiffies * JIFFY_SECONDS }];
  } catch {
    // It ended while this was reading.
    return [];
  }
}

function partOf(command) {
  if (command.includes('reader-child')) return 'readers';
  if (command.includes('temporal')) return 'Temporal server';
  if (command.includes('weed')) return 'S3 server';
  return 'akosha server';
}
