import type Libsql from 'libsql';
import { AkoshaError } from '../../../contract/index.js';
import { inTransaction } from './transaction.js';

/**
 * What takes a version of the schema back to the one before, by its number: written against the tables of its own time, as the migration that made it. The
 * newest always has one, so that an upgrade can be taken back with all that was ingested since. For a way further back than the oldest of these there is
 * a rebuild by the older program.
 */
export const ROLLBACKS: Readonly<Record<number, string>> = {
  // An older program asks for the raw files of all that is done, and finds by itself which are gone.
  11: `DROP INDEX uploads_expiring; DROP INDEX uploads_outnumbered; ALTER TABLE uploads DROP COLUMN raw_left;`,
  12: `ALTER TABLE forgets DROP COLUMN begun_at;`,
  // An older program is stopped by no finding: whoever goes back while one stands pauses moving there.
  13: `DROP TABLE findings; DROP TABLE checks;`,
  // An older program takes in again what expired. Its receipts stand in object storage, from where a newer one learns of them. It tells
  // of no step of a transition that it does not know.
  14: `DELETE FROM transition_parts WHERE step = 'expired'; DROP TABLE expired_memories; DROP TABLE expiries; ALTER TABLE uploads DROP COLUMN rows_expired;`,
  // An older program knows of these memories until a forget is through, and takes in again what a late upload has of them.
  15: `DELETE FROM forgotten_keys WHERE scope_id NOT IN (SELECT scope_id FROM tombstones WHERE state = 'standing');
    ALTER TABLE forgotten_keys DROP COLUMN ord; ALTER TABLE forgotten_keys DROP COLUMN upload_id;`,
};

/**
 * Takes a catalog back to version `to`, each version in a transaction of its own: one that fails leaves the version that it began with. Raises `BadRequest`
 * where there is no way there. Call it with foreign keys not enforced.
 */
export function rollBack(connection: Libsql.Database, from: number, to: number): void {
  const versions = Array.from({ length: Math.max(0, from - to) }, (_, n) => from - n);
  const missing = versions.find((version) => ROLLBACKS[version] === undefined);
  if (missing !== undefined) {
    throw new AkoshaError(
      'BadRequest',
      `there is no way back from schema ${missing}: move the store's folder away, and run \`akosha rebuild\` of the older version`,
    );
  }
  for (const version of versions) {
    inTransaction(connection, () => {
      connection.exec(`${ROLLBACKS[version] ?? ''} PRAGMA user_version = ${version - 1}`);
    });
  }
}
