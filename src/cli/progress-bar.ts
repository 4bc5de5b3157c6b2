import { readWorkInProgress, type WorkInProgress } from '../upload/index.js';
import { bytes } from './output.js';

/** Smooth for the eye, and a small file read each time. */
const REDRAW_MS = 200;
const WIDTH = 30;

/**
 * Shows on a terminal what this host's side is uploading, whichever process does it, while `work` runs. On anything else than a terminal it
 * shows nothing.
 */
export async function withProgressBar<T>(
  { dataDir, out }: { dataDir: string; out: NodeJS.WriteStream | undefined },
  work: () => Promise<T>,
): Promise<T> {
  if (out?.isTTY !== true) return work();
  const draw = setInterval(
    () => out.write(`\r\x1b[K${renderProgress(readWorkInProgress(dataDir))}`),
    REDRAW_MS,
  );
  try {
    return await work();
  } finally {
    clearInterval(draw);
    out.write('\r\x1b[K');
  }
}

/** One line; the transfer counts for more than a snapshot beside it. */
export function renderProgress(works: readonly WorkInProgress[]): string {
  const work = works.at(-1);
  if (work === undefined) return 'waiting';
  const { step, file, files_done: done, files_total: total, bytes_done: sent, bytes_total: all } = work;
  const name = file === null ? '' : ` ${file}`;
  if (all === 0) return `${step}: ${done} of ${total} databases${name}`;
  const share = Math.min(1, sent / all);
  const bar = '#'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '.');
  return `[${bar}] ${Math.floor(share * 100)}% ${bytes(sent)} of ${bytes(all)}, ${step}${name}`;
}
