import { existsSync } from 'node:fs';
import path from 'node:path';
import Libsql from 'libsql';
import { AkoshaError } from '../../contract/index.js';
import { takeLock } from '../../runtime/index.js';
import { SCHEMA_VERSION } from './catalog/migrations.js';
import { rollBack } from './catalog/rollbacks.js';

export interface Downgrade {
  /** The schema's version before and after. */
  from: number;
  to: number;
}

/**
 * Takes the store of a data folder back to an older version of the catalog's schema, so that an older program opens it, with all that is in it. The files of
 * the tiers are the same in all versions. Raises `StoreLocked` where a process has the store, `StoreLost` where there is none, and `BadRequest` where there
 * is no way to `to`.
 */
export async function downgradeStore(dataFolder: string, to: number): Promise<Downgrade> {
  const folder = path.join(dataFolder, 'store');
  const file = path.join(folder, 'catalog.db');
  if (!existsSync(file))
    throw new AkoshaError('StoreLost', `there is no store in ${dataFolder} (AKOSHA_DATA_DIR)`);
  const unlock = await takeLock(path.join(folder, 'lock'));
  try {
    const connection = new Libsql(file);
    try {
      return rollBackTo(connection, to);
    } finally {
      connection.close();
    }
  } finally {
    await unlock();
  }
}

function rollBackTo(connection: Libsql.Database, to: number): Downgrade {
  const from = versionOf(connection);
  if (from > SCHEMA_VERSION)
    throw new AkoshaError(
      'BadRequest',
      `the store has schema ${from}, and this version knows up to ${SCHEMA_VERSION}: run the version that wrote it`,
    );
  if (to > from || to < 1)
    throw new AkoshaError(
      'BadRequest',
      `the store has schema ${from}: --to is that of an older version, from 1 to ${from}`,
    );
  connection.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF');
  rollBack(connection, from, to);
  return { from, to };
}

function versionOf(connection: Libsql.Database): number {
  const row: unknown = connection.prepare('PRAGMA user_version').get();
  return typeof row === 'object' && row !== null && 'user_version' in row ? Number(row.user_version) : 0;
}
