import { constants, copyFile, chmod, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AkoshaError, messageOf } from '../contract/index.js';
import { DUCKDB_HEADER_BYTES } from './database-file.js';
import { LOG_SUFFIXES, type LogSuffix } from './log-suffixes.js';
import { copyBytes, readHead } from './streams.js';

/**
 * Pauses between takes, in milliseconds. A checkpoint of a host's database lasts tens to hundreds of
 * milliseconds, so they grow past that; uneven, so as not to keep step with a writer that checkpoints at
 * intervals. More takes would only hide a host that never lets its file be.
 */
const PAUSES_MS = [20, 70, 190, 430, 1000, 1700] as const;

interface DatabaseState {
  size: bigint;
  modifiedNs: bigint;
  header: Buffer;
  logs: ReadonlyMap<LogSuffix, bigint>;
}

/**
 * Copies a database that its writer may be using, with its logs, to `target` without opening it: DuckDB
 * admits no second process, and a look must never disturb the writer.
 *
 * The main file's header changes with each checkpoint and the logs only grow between two, so a copy taken
 * while neither was disturbed is the state at one moment, give or take the log's last transactions: a log cut
 * anywhere loses whole transactions from its end.
 *
 * Raises `SnapshotTorn` where seven takes in a row were disturbed, `DatabaseUnreadable` where the file cannot
 * be read.
 */
export async function copyStable(database: string, target: string): Promise<void> {
  for (const pause of [...PAUSES_MS, null]) {
    if (await tryCopy(database, target)) return;
    if (pause !== null) await sleep(pause);
  }
  throw new AkoshaError(
    'SnapshotTorn',
    `${database} was checkpointed during each of ${PAUSES_MS.length + 1} copies; try again when its writer is less busy`,
    { details: { database } },
  );
}

async function tryCopy(database: string, target: string): Promise<boolean> {
  const before = await readState(database);
  await copyAs(database, target);
  for (const suffix of LOG_SUFFIXES) {
    // A log of an earlier take must not stand beside this one's main file.
    await rm(target + suffix, { force: true });
    await copyAs(database + suffix, target + suffix).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }
  return undisturbed(before, await readState(database));
}

/**
 * A clone where the file system can share blocks, else a copy. Never Node's own copy, which spins for ever
 * when the file shrinks under it, as a log does at a checkpoint. Writable by us, whatever the original is.
 */
async function copyAs(source: string, target: string): Promise<void> {
  try {
    await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE);
    await chmod(target, 0o600);
  } catch (error) {
    if (isMissing(error)) throw error;
    await copyBytes(source, target);
  }
}

/** True where everything copied between two states belongs to one moment. */
function undisturbed(before: DatabaseState, after: DatabaseState): boolean {
  if (before.size !== after.size || before.modifiedNs !== after.modifiedNs) return false;
  if (!before.header.equals(after.header)) return false;
  for (const [suffix, size] of before.logs) {
    const now = after.logs.get(suffix);
    if (now === undefined || now < size) return false;
  }
  // A checkpoint that began in between: the new log may hold transactions that follow ones missing from the
  // copy of the old log.
  return [...after.logs.keys()].every((suffix) => suffix === '.wal' || before.logs.has(suffix));
}

async function readState(database: string): Promise<DatabaseState> {
  try {
    const { size, mtimeNs } = await stat(database, { bigint: true });
    const logs = new Map<LogSuffix, bigint>();
    for (const suffix of LOG_SUFFIXES) {
      const log = await stat(database + suffix, { bigint: true }).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
      if (log !== undefined) logs.set(suffix, log.size);
    }
    return { size, modifiedNs: mtimeNs, header: await readHead(database, DUCKDB_HEADER_BYTES), logs };
  } catch (error) {
    throw new AkoshaError('DatabaseUnreadable', `${database} cannot be read: ${messageOf(error)}`, {
      cause: error,
      details: { database },
    });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
