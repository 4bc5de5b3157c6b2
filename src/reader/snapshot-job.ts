import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kind } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { attachForeign, foreignFault, SOURCE, type ForeignFile } from './database-file.js';
import type { Snapshot, SnapshotJob } from './messages.js';
import { withSandbox } from './sandbox.js';
import { countRows, knownTables } from './source-schema.js';
import { copyStable } from './stable-copy.js';
import { compressFile } from './streams.js';

/** Folding a log in spills next to nothing; what it does spill is of the host's own disk. */
const MAX_SPILL_BYTES = 4 * 1024 ** 3;

/**
 * Takes a copy of a live database, folds its log in, and leaves it compressed at `<folder>/<name>`: forced to
 * disk, and there whole or not at all. The original is read, never opened.
 */
export async function snapshotDatabase(job: SnapshotJob): Promise<Snapshot> {
  const copy = join(job.work, 'copy.duckdb');
  await copyStable(job.database, copy);
  failPoint('upload.after-copy');
  const rows = await foldLog({ label: job.database, path: copy, brokenType: 'DatabaseUnreadable' }, job);
  failPoint('upload.after-fold');
  const compressed = join(job.work, 'stored');
  const { stored, raw } = await compressFile(copy, compressed);
  // Before the next database is copied: a host's disk should hold one raw copy at a time.
  await rm(copy);
  const path = join(job.folder, job.name);
  await rename(compressed, path);
  return {
    path,
    name: job.name,
    compression: 'gzip',
    storedBytes: stored.bytes,
    storedSha256: stored.sha256,
    rawBytes: raw.bytes,
    rawSha256: raw.sha256,
    rows,
  };
}

async function foldLog(file: ForeignFile, job: SnapshotJob): Promise<Partial<Record<Kind, number>>> {
  const sandbox = { folder: job.work, memoryLimitMb: job.memoryLimitMb, maxSpillBytes: MAX_SPILL_BYTES };
  return withSandbox(sandbox, async (connection) => {
    await attachForeign(connection, file, 'READ_WRITE');
    try {
      const rows = await countRows(connection, await knownTables(connection));
      await connection.run(`CHECKPOINT ${SOURCE}`);
      await connection.run(`DETACH ${SOURCE}`);
      return rows;
    } catch (error) {
      throw foreignFault(file, error);
    }
  });
}
