import { AkoshaError, isAkoshaError, messageOf } from '../contract/index.js';
import type { OmittedDatabase } from '../memory/index.js';
import type { Snapshot } from '../reader/index.js';
import { kindsOf } from './contents.js';
import { nameDatabases, type NamedDatabase } from './file-names.js';
import { findDatabases } from './find-databases.js';
import type { Host } from './host.js';
import { throwIfCancelled, type UploadOptions } from './options.js';

export interface SnapshotsTaken {
  snapshots: Snapshot[];
  omitted: OmittedDatabase[];
}

/**
 * Takes a snapshot of each of the host's databases into a folder, one after the other: a host has better use for its second core. One that
 * does not exist or cannot be read is listed in `omitted` and does not hold up the others.
 *
 * Raises `NothingToUpload` where there is none to upload, `SnapshotTorn` and `ReaderFailed` where trying again may help, and `Cancelled`.
 */
export async function snapshotAll(
  host: Host,
  folder: string,
  { signal, onProgress }: UploadOptions,
): Promise<SnapshotsTaken> {
  const databases = nameDatabases(await findDatabases(host.databases));
  const taken: SnapshotsTaken = { snapshots: [], omitted: [] };
  const report = (done: number, file: string | null): void =>
    onProgress?.({
      step: 'snapshot',
      method: null,
      file,
      done,
      total: databases.length,
      bytes: 0,
      totalBytes: 0,
    });
  let transient: AkoshaError | undefined;
  for (const [done, database] of databases.entries()) {
    throwIfCancelled(signal, 'taking snapshots');
    report(done, database.name);
    const snapshot = await snapshotTwice(host, folder, database, signal);
    if (!(snapshot instanceof AkoshaError)) {
      taken.snapshots.push(snapshot);
      if (snapshot.notice !== null) {
        host.log?.warn(
          { database: database.path, flags: snapshot.flags, reason: snapshot.notice },
          'a database is uploaded as it is',
        );
      }
      continue;
    }
    if (!snapshot.permanent) transient ??= snapshot;
    const { name, path } = database;
    taken.omitted.push({ name, reason: snapshot.message, kinds: kindsLastHeld(host, name) });
    host.log?.warn({ database: path, reason: snapshot.message }, 'a database is left out of the upload');
  }
  report(databases.length, null);
  if (taken.snapshots.length > 0) return taken;
  throw transient ?? nothingToUpload(host, taken.omitted);
}

/**
 * The kinds that a database held when it was last uploaded; null where that is not known. By them the server knows what this upload
 * says nothing about.
 */
function kindsLastHeld(
  { outbox: { rows, sequence }, systemId }: Host,
  name: string,
): OmittedDatabase['kinds'] {
  const contents = rows.newest(systemId)?.contents ?? null;
  // A system without any upload has nothing in the store that could be this database's.
  if (contents === null) return sequence.load(systemId)?.lastAcknowledgedOrder === null ? [] : null;
  const before = contents.databases.find((database) => database.name === name);
  if (before !== undefined) return kindsOf(before.rows);
  return contents.omitted.find((database) => database.name === name)?.kinds ?? null;
}

/**
 * The snapshot, or the reason to leave this database out. A reader that died gets a second try in a fresh
 * process; one that dies twice over the same file would hold up the host's other databases for good.
 */
async function snapshotTwice(
  host: Host,
  folder: string,
  { path, name }: NamedDatabase,
  signal: AbortSignal | undefined,
): Promise<Snapshot | AkoshaError> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await host.reader.snapshotDatabase(
        { database: path, folder, name, ...host.snapshot },
        { signal },
      );
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

function nothingToUpload(host: Host, omitted: readonly OmittedDatabase[]): AkoshaError {
  const reasons = omitted.map(({ reason }) => reason).join('; ');
  return new AkoshaError(
    'NothingToUpload',
    `system ${host.systemId} has no database to upload (${reasons === '' ? 'none is named' : reasons}); ` +
      'name its DuckDB files in AKOSHA_DATABASES, separated by commas',
    { details: { databases: [...host.databases] } },
  );
}
