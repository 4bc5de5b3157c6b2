import { createHash } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { failPoint } from '../faults/index.js';
import type { Snapshot, SnapshotJob } from './messages.js';
import { takeContent } from './snapshot-content.js';
import { copyStable } from './stable-copy.js';
import { storeFile } from './streams.js';

type StoredFile = Snapshot['logs'][number];

/**
 * Takes a copy of a live database, and leaves what is to be uploaded of it at `<folder>/<name>`: forced to disk, and there
 * whole or not at all. The original is read, never opened.
 */
export async function snapshotDatabase(job: SnapshotJob): Promise<Snapshot> {
  const copy = join(job.work, 'copy.duckdb');
  await copyStable(job.database, copy);
  failPoint('upload.after-copy');
  const { path, logs, rowsDigest, ...content } = await takeContent(job, copy);
  failPoint('upload.after-fold');
  if (path !== copy) await rm(copy);
  const main = await store(job, path, job.name);
  const storedLogs: StoredFile[] = [];
  for (const { path: log, suffix } of logs) storedLogs.push(await store(job, log, job.name + suffix));
  // Last, when nothing can fail any more: a file of this name stands for a snapshot that was made.
  for (const file of [...storedLogs, main]) await rename(inWork(job, file.name), file.path);
  return {
    ...main,
    ...content,
    logs: storedLogs,
    rowsDigest: rowsDigest ?? digestBytes([main, ...storedLogs]),
  };
}

async function store(job: SnapshotJob, source: string, name: string): Promise<StoredFile> {
  const { stored, raw } = await storeFile(source, inWork(job, name), job);
  // Before the next file is read: a host's disk should hold one raw copy at a time.
  await rm(source, { force: true });
  return {
    path: join(job.folder, name),
    name,
    compression: job.compression,
    storedBytes: stored.bytes,
    storedSha256: stored.sha256,
    rawBytes: raw.bytes,
    rawSha256: raw.sha256,
  };
}

/** A folder's own file in which the outcome waits; the prefix keeps it apart from the copies. */
function inWork(job: SnapshotJob, name: string): string {
  return join(job.work, `stored-${basename(name)}`);
}

/** Of a database whose rows could not be told one by one. */
function digestBytes(files: readonly StoredFile[]): string {
  const digest = createHash('sha256');
  for (const { rawSha256 } of files) digest.update(`bytes:${rawSha256};`);
  return digest.digest('hex');
}
