import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AkoshaError, isAkoshaError, type Kind, type UploadRef } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { parseManifest, type Manifest } from '../memory/index.js';
import { currentTraceparent, withLogFields, withSpan } from '../runtime/index.js';
import { contentsOf, rowsIn } from './contents.js';
import { compareWithNewest } from './deduplicate.js';
import { recordFailure } from './failures.js';
import { refuseForgotten } from './forgotten.js';
import type { Host, HostContext } from './host.js';
import { withHostLock } from './host-lock.js';
import { writeManifest } from './manifest-writer.js';
import { assertUploadId, type UploadOptions } from './options.js';
import type { PreparedFacts } from './outbox/rows.js';
import type { UploadRow } from './outbox/row-shapes.js';
import { withProgressFile } from './progress-file.js';
import { nextOrder } from './sequence.js';
import { snapshotAll } from './snapshot-all.js';
import { deleteLeftovers, findDelivered } from './store-reads.js';

export interface PrepareOptions extends UploadOptions {
  uploadId: string;
}

export interface PreparedUpload {
  /**
   * `prepared`: waits in the outbox. `delivered`: was delivered before, and there is nothing left to do for it. `unchanged`: another
   * upload, already ingested, has the same rows.
   */
  status: 'prepared' | 'delivered' | 'unchanged';
  /** Of the upload that holds the rows, which is another than the one asked for where that one would say the same. */
  uploadId: string;
  files: number;
  /** Of its files, after compression. */
  bytes: number;
  /** In all databases, those included that the upload leaves out as unchanged. */
  rows: Partial<Record<Kind, number>>;
  omitted: { name: string; reason: string }[];
}

/**
 * Takes a snapshot of all the host's databases into the outbox, as one upload, and thereby answers every request made before.
 * An upload id that is prepared or delivered already is returned as it is.
 *
 * Raises what `snapshotAll` does, `SystemForgotten` where the server says so, `ObjectStoreUnavailable` only from a host without any memory of its order numbers,
 * `UploadReplaced` for an id that was used up, and `BadRequest` for one that was cancelled. A failure stands in the upload's row.
 */
export async function prepareUpload(host: HostContext, options: PrepareOptions): Promise<PreparedUpload> {
  const { uploadId } = options;
  assertUploadId(uploadId);
  const fields = { systemId: host.systemId };
  return withLogFields({ uploadId }, () =>
    withSpan('akosha.snapshot', { fields }, async (span) => {
      const prepared = await prepareLocked(host, options);
      const { status: outcome, files, bytes } = prepared;
      span.set({ outcome, uploadId: prepared.uploadId, files, bytes });
      return prepared;
    }),
  );
}

function prepareLocked(host: HostContext, options: PrepareOptions): Promise<PreparedUpload> {
  const { uploadId, signal } = options;
  return withHostLock(host.dataDir, signal, async () => {
    const { rows, files } = host.outbox;
    const row = rows.begin(uploadId, host.systemId);
    failPoint('upload.after-claim');
    const done = await resultOf(host, row);
    if (done !== undefined) return done;
    try {
      await files.discardHalfMade();
      const { dataDir, systemId } = host;
      return await withProgressFile({ dataDir, task: 'snapshot', uploadId }, options, (reported) =>
        prepareNew(host, { systemId, uploadId }, reported),
      );
    } catch (error) {
      // A host's disk is not to fill with what failed; after a crash the next call does the same.
      await files.discard(uploadId);
      recordFailure(host, uploadId, error);
      throw error;
    }
  });
}

/** What an earlier call came to; undefined where the snapshot is yet to be taken. */
async function resultOf(host: Host, row: UploadRow): Promise<PreparedUpload | undefined> {
  const { rows, files } = host.outbox;
  const { uploadId, state } = row;
  if (state === 'unchanged') return resultIn('unchanged', rows.upload(row.answeredBy ?? ''));
  if (state === 'superseded') return resultIn('prepared', rows.standingFor(uploadId));
  if (state === 'delivered') return fromRow('delivered', row);
  if (state === 'cancelled') {
    throw new AkoshaError('BadRequest', `upload ${uploadId} was cancelled; ask for a new one`);
  }
  const queued = await files.find(uploadId);
  if (queued !== undefined) {
    // A crash came between the files and their row.
    if (state !== 'prepared') rows.prepared(uploadId, factsOf(queued.manifest));
    return fromManifest('prepared', queued.manifest);
  }
  // Damaged on disk, or tried again after a failure that was taken for final.
  if (state !== 'requested') rows.requestAgain(uploadId);
  return undefined;
}

/** Undefined where the other upload is so long ago that its row is gone. */
function resultIn(status: 'prepared' | 'unchanged', row: UploadRow | undefined): PreparedUpload | undefined {
  if (row === undefined) return undefined;
  return fromRow(row.state === 'delivered' && status === 'prepared' ? 'delivered' : status, row);
}

async function prepareNew(
  host: HostContext,
  ref: UploadRef,
  options: UploadOptions,
): Promise<PreparedUpload> {
  const { rows, files } = host.outbox;
  const { signal } = options;
  await refuseForgotten(host, signal);
  const delivered = await lookForDelivered(host, ref, signal);
  if (delivered !== undefined) {
    rows.prepared(ref.uploadId, factsOf(delivered));
    rows.delivered(ref.uploadId);
    return fromManifest('delivered', delivered);
  }
  const numbers = await nextOrder(host, signal);
  const createdAt = host.now();
  const folder = await files.create(ref.uploadId);
  const taken = await snapshotAll(host, folder, options);
  failPoint('upload.after-snapshot');
  const upload = {
    ref,
    ...numbers,
    createdAt,
    timeZone: host.timeZone,
    traceparent: currentTraceparent(),
    ...taken,
  };
  const whole = parse(ref, writeManifest({ ...upload, unchanged: [] }));
  const { same, unchanged } = await compareWithNewest(host, contentsOf(whole), numbers, signal);
  if (same !== undefined) {
    rows.answeredBy(ref.uploadId, same.state === 'prepared' ? 'superseded' : 'unchanged', same.uploadId);
    await files.discard(ref.uploadId);
    const status = same.state === 'prepared' ? 'prepared' : 'unchanged';
    return { ...fromRow(status, same), omitted: reasonsOf(whole) };
  }
  const left = new Set(unchanged.map(({ name }) => name));
  for (const name of left) await rm(join(folder, name));
  const snapshots = taken.snapshots.filter(({ name }) => !left.has(name));
  const json = writeManifest({ ...upload, snapshots, unchanged });
  await files.commit(ref.uploadId, json);
  failPoint('upload.after-files-commit');
  const manifest = parse(ref, json);
  rows.prepared(ref.uploadId, factsOf(manifest));
  return fromManifest('prepared', manifest);
}

async function lookForDelivered(
  host: Host,
  ref: UploadRef,
  signal: AbortSignal | undefined,
): Promise<Manifest | undefined> {
  try {
    const delivered = await findDelivered(host.uploads, ref, signal);
    if (delivered === undefined) await deleteLeftovers(host.uploads, ref, signal);
    return delivered;
  } catch (error) {
    // The snapshot need not wait for the network. Should the id be taken after all, its manifest's put will
    // find out.
    if (isAkoshaError(error, 'ObjectStoreUnavailable')) return undefined;
    throw error;
  }
}

function parse(ref: UploadRef, json: string): Manifest {
  return parseManifest(ref, Buffer.from(json));
}

/** What the outbox keeps of an upload. */
export function factsOf(manifest: Manifest): PreparedFacts {
  return {
    order: manifest.order,
    files: manifest.files.length,
    bytes: bytesOf(manifest),
    contents: contentsOf(manifest),
  };
}

function fromManifest(status: PreparedUpload['status'], manifest: Manifest): PreparedUpload {
  return {
    status,
    uploadId: manifest.uploadId,
    files: manifest.files.length,
    bytes: bytesOf(manifest),
    rows: rowsIn(contentsOf(manifest)),
    omitted: reasonsOf(manifest),
  };
}

/** The reasons of what it omitted are in its manifest alone, which may be gone. */
function fromRow(status: PreparedUpload['status'], row: UploadRow): PreparedUpload {
  const { uploadId, files, bytes, contents } = row;
  return { status, uploadId, files, bytes, rows: contents === null ? {} : rowsIn(contents), omitted: [] };
}

function reasonsOf({ omitted }: Manifest): PreparedUpload['omitted'] {
  return omitted.map(({ name, reason }) => ({ name, reason }));
}

function bytesOf({ files }: Pick<Manifest, 'files'>): number {
  return files.reduce((sum, { storedBytes }) => sum + (storedBytes ?? 0), 0);
}
