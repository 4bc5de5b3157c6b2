import { AkoshaError, isAkoshaError, messageOf, type UploadRef } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { parseManifest, type Manifest, type OmittedDatabase } from '../memory/index.js';
import type { Snapshot } from '../reader/index.js';
import { nameDatabases, type NamedDatabase } from './file-names.js';
import { assertUploadId, throwIfCancelled, type HostContext, type UploadOptions } from './host.js';
import { withHostLock } from './host-lock.js';
import { writeManifest } from './manifest-writer.js';
import { Outbox } from './outbox.js';
import { nextOrder } from './sequence.js';
import { deleteLeftovers, findDelivered } from './store-reads.js';

export interface PrepareOptions extends UploadOptions {
  uploadId: string;
}

export interface PreparedUpload extends Manifest {
  /** It was delivered before: there is nothing left to do for it. */
  delivered: boolean;
}

/**
 * Takes a snapshot of all the host's databases into the outbox, as one upload. An upload id that is prepared
 * or delivered already is returned as it is. A database that does not exist or cannot be read is listed in
 * `omitted` and does not hold up the others.
 *
 * Raises `NothingToUpload` where there is none to upload, `SnapshotTorn` and `ReaderFailed` where trying
 * again may help, `ObjectStoreUnavailable` only from a host without any memory of its order numbers,
 * `UploadReplaced` for an id that was used up, and `Cancelled`.
 */
export async function prepareUpload(host: HostContext, options: PrepareOptions): Promise<PreparedUpload> {
  const { uploadId, signal } = options;
  assertUploadId(uploadId);
  return withHostLock(host.dataDir, signal, async () => {
    const outbox = new Outbox(host);
    await outbox.discardHalfMade();
    const queued = await outbox.find(uploadId);
    if (queued !== undefined) return { ...queued.manifest, delivered: false };
    const ref = { systemId: host.systemId, uploadId };
    const delivered = await lookForDelivered(host, ref, signal);
    if (delivered !== undefined) return { ...delivered, delivered: true };
    try {
      return { ...(await prepareNew(host, outbox, ref, options)), delivered: false };
    } catch (error) {
      // A host's disk is not to fill with what failed; after a crash the next call does the same.
      await outbox.discard(uploadId);
      throw error;
    }
  });
}

async function lookForDelivered(
  host: HostContext,
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

async function prepareNew(
  host: HostContext,
  outbox: Outbox,
  ref: UploadRef,
  options: UploadOptions,
): Promise<Manifest> {
  const numbers = await nextOrder(host, outbox, options.signal);
  const createdAt = host.now();
  const folder = await outbox.create(ref.uploadId);
  const { snapshots, omitted } = await snapshotAll(host, folder, options);
  failPoint('upload.after-snapshot');
  const json = writeManifest({ ref, ...numbers, createdAt, timeZone: host.timeZone, snapshots, omitted });
  await outbox.commit(ref.uploadId, json);
  return parseManifest(ref, Buffer.from(json));
}

interface Taken {
  snapshots: Snapshot[];
  omitted: OmittedDatabase[];
}

/** One after the other: a host has better use for its second core. */
async function snapshotAll(host: HostContext, folder: string, options: UploadOptions): Promise<Taken> {
  const { signal, onProgress } = options;
  const databases = nameDatabases(host.databases);
  const taken: Taken = { snapshots: [], omitted: [] };
  let transient: AkoshaError | undefined;
  for (const [done, database] of databases.entries()) {
    throwIfCancelled(signal, 'taking snapshots');
    onProgress?.({ step: 'snapshot', done, total: databases.length, bytes: 0 });
    const snapshot = await snapshotTwice(host, folder, database, signal);
    if (!(snapshot instanceof AkoshaError)) {
      taken.snapshots.push(snapshot);
      continue;
    }
    if (!snapshot.permanent) transient ??= snapshot;
    taken.omitted.push({ name: database.name, reason: snapshot.message });
    host.log?.warn(
      { database: database.path, reason: snapshot.message },
      'a database is left out of the upload',
    );
  }
  onProgress?.({ step: 'snapshot', done: databases.length, total: databases.length, bytes: 0 });
  if (taken.snapshots.length > 0) return taken;
  throw transient ?? nothingToUpload(host, taken.omitted);
}

/**
 * The snapshot, or the reason to leave this database out. A reader that died gets a second try in a fresh
 * process; one that dies twice over the same file would hold up the host's other databases for good.
 */
async function snapshotTwice(
  host: HostContext,
  folder: string,
  { path, name }: NamedDatabase,
  signal: AbortSignal | undefined,
): Promise<Snapshot | AkoshaError> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await host.reader.snapshotDatabase({ database: path, folder, name }, { signal });
    } catch (error) {
      if (isAkoshaError(error, 'DatabaseUnreadable')) return error;
      if (!isAkoshaError(error, 'ReaderFailed')) throw error;
      if (attempt === 2) return error;
      host.log?.warn(
        { database: path, reason: messageOf(error) },
        'a reader failed over a database; trying once more',
      );
    }
  }
}

function nothingToUpload(host: HostContext, omitted: readonly OmittedDatabase[]): AkoshaError {
  const reasons = omitted.map(({ reason }) => reason).join('; ');
  return new AkoshaError(
    'NothingToUpload',
    `system ${host.systemId} has no database to upload (${reasons === '' ? 'none is named' : reasons}); ` +
      'name its DuckDB files in AKOSHA_DATABASES, separated by commas',
    { details: { databases: [...host.databases] } },
  );
}
