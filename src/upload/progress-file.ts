import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { agentFolder, type UploadOptions, type UploadProgress } from './options.js';

/** One of each kind is under way on a host at a time; they hold different locks. */
const TASKS = ['snapshot', 'delivery'] as const;
export type Task = (typeof TASKS)[number];

const WorkSchema = z.object({
  pid: z.number(),
  upload_id: z.string(),
  /** Milliseconds since 1970. */
  updated_at: z.number(),
  step: z.string(),
  method: z.string().nullable(),
  file: z.string().nullable(),
  files_done: z.number(),
  files_total: z.number(),
  bytes_done: z.number(),
  bytes_total: z.number(),
});
/** What this host's side is doing, as `akosha status` tells it. */
export type WorkInProgress = z.infer<typeof WorkSchema>;

/** Often enough for a progress bar. */
const LEAST_INTERVAL_MS = 500;
/** Written again so often without news, because copying a large database brings none for minutes. */
const HEARTBEAT_MS = 5_000;
/** Six missed heartbeats: whoever wrote it was killed. */
const STALE_MS = 30_000;

const NOTHING_YET: UploadProgress = {
  step: 'start',
  method: null,
  file: null,
  done: 0,
  total: 0,
  bytes: 0,
  totalBytes: 0,
};

/**
 * Runs `work`, and keeps what it reports in a file beside the outbox, where other processes of the host can see it. Not durable, and gone
 * afterwards: it says what is being done, never what was.
 */
export async function withProgressFile<T>(
  place: { dataDir: string; task: Task; uploadId: string },
  options: UploadOptions,
  work: (options: UploadOptions) => Promise<T>,
): Promise<T> {
  const file = fileOf(place.dataDir, place.task);
  let latest = NOTHING_YET;
  let writtenAt = 0;
  const write = (): void => {
    writtenAt = performance.now();
    tryTo(() => {
      mkdirSync(agentFolder(place.dataDir), { recursive: true, mode: 0o700 });
      writeFileSync(`${file}.${process.pid}`, JSON.stringify(contentOf(place.uploadId, latest)));
      renameSync(`${file}.${process.pid}`, file);
    });
  };
  write();
  const heartbeat = setInterval(write, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work({
      ...options,
      onProgress: (progress) => {
        const news = progress.step !== latest.step || progress.done !== latest.done;
        latest = progress;
        if (news || performance.now() - writtenAt >= LEAST_INTERVAL_MS) write();
        options.onProgress?.(progress);
      },
    });
  } finally {
    clearInterval(heartbeat);
    tryTo(() => rmSync(file, { force: true }));
  }
}

/** What is under way on this host, in whichever process. */
export function readWorkInProgress(dataDir: string, now = Date.now()): WorkInProgress[] {
  return TASKS.flatMap((task) => {
    try {
      const work = WorkSchema.parse(JSON.parse(readFileSync(fileOf(dataDir, task), 'utf8')));
      return Math.abs(now - work.updated_at) < STALE_MS ? [work] : [];
    } catch {
      return [];
    }
  });
}

function contentOf(uploadId: string, progress: UploadProgress): WorkInProgress {
  return {
    pid: process.pid,
    upload_id: uploadId,
    updated_at: Date.now(),
    step: progress.step,
    method: progress.method,
    file: progress.file,
    files_done: progress.done,
    files_total: progress.total,
    bytes_done: progress.bytes,
    bytes_total: progress.totalBytes,
  };
}

function fileOf(dataDir: string, task: Task): string {
  return join(agentFolder(dataDir), `${task}-progress.json`);
}

/** A full disk must not fail an upload for the sake of its progress. */
function tryTo(work: () => void): void {
  try {
    work();
  } catch {
    // The file is out of date, and soon counts as none.
  }
}
