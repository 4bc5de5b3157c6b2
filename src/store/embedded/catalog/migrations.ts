import type Libsql from 'libsql';
import { AkoshaError } from '../../../contract/index.js';
import { CHECKS_OF_VERSION_13 } from './checks-of-version-13.js';
import { DAMAGED_OF_VERSION_10 } from './damaged-of-version-10.js';
import { EXPIRIES_OF_VERSION_14 } from './expiries-of-version-14.js';
import { FORGETS_OF_VERSION_12 } from './forgets-of-version-12.js';
import { FORGETS_OF_VERSION_15 } from './forgets-of-version-15.js';
import { FORGETS_OF_VERSION_5 } from './forgets-of-version-5.js';
import { PINS_OF_VERSION_7 } from './pins-of-version-7.js';
import { RETENTION_OF_VERSION_11 } from './retention-of-version-11.js';
import { SEARCH_OF_VERSION_6 } from './search-of-version-6.js';
import { TIER_COUNTS_OF_VERSION_4 } from './tier-counts-of-version-4.js';
import { inTransaction } from './transaction.js';
import { TRANSITIONS_OF_VERSION_8 } from './transitions-of-version-8.js';
import { UPLOADS_OF_VERSION_2 } from './uploads-of-version-2.js';
import { UNSAVED_OF_VERSION_9 } from './unsaved-of-version-9.js';
import { VECTORS_OF_VERSION_3 } from './vectors-of-version-3.js';

/**
 * Makes one version of the schema from the one before. It is written against the tables of its own time, never against `SCHEMA`, so that it
 * does the same for ever: one that was released is not changed.
 */
type Migration = (connection: Libsql.Database) => void;

/** The first makes version 2. A change of `SCHEMA` comes with one at the end, and with a way back (rollbacks.ts). */
const MIGRATIONS: readonly Migration[] = [
  rebuildUploads,
  addVectors,
  addTierCounts,
  addForgets,
  addSearchColumns,
  addPins,
  addTransitions,
  addUnsaved,
  addDamagedObjects,
  addRetention,
  addForgetBegins,
  addChecks,
  addExpiries,
  addPlacesOfForgotten,
];

export const SCHEMA_VERSION = MIGRATIONS.length + 1;

/**
 * Brings a catalog to a version, by default the newest, each version in a transaction of its own: one that fails leaves the version before it. Raises
 * `StoreDamaged` where a row would be left that refers to none. Call it with foreign keys not enforced: a table is rebuilt by dropping
 * it, and the switch does nothing inside a transaction.
 */
export function migrate(connection: Libsql.Database, from: number, to = SCHEMA_VERSION): void {
  MIGRATIONS.slice(from - 1, to - 1).forEach((migration, n) => {
    const version = from + n + 1;
    inTransaction(connection, () => {
      migration(connection);
      // Some seconds for each million memories, once an upgrade.
      const [broken] = connection.prepare('PRAGMA foreign_key_check').all() as { table: string }[];
      if (broken !== undefined) {
        throw new AkoshaError(
          'StoreDamaged',
          `catalog.db cannot be taken to schema ${version}: a row of ${broken.table} refers to none`,
        );
      }
      connection.exec(`PRAGMA user_version = ${version}`);
    });
  });
}

/**
 * Version 2: uploads can be dropped and ingested again. SQLite cannot change a CHECK, so the rows are copied to a new table. Builds between
 * the versions wrote version 1 with some of the new columns, whose content is kept.
 */
function rebuildUploads(connection: Libsql.Database): void {
  connection.exec(UPLOADS_OF_VERSION_2.table);
  const both = connection
    .prepare(
      `SELECT name FROM pragma_table_info('uploads') INTERSECT SELECT name FROM pragma_table_info('uploads_2')`,
    )
    .all() as { name: string }[];
  const columns = both.map(({ name }) => name).join(', ');
  connection.exec(`INSERT INTO uploads_2 (${columns}) SELECT ${columns} FROM uploads;
    DROP TABLE uploads; ALTER TABLE uploads_2 RENAME TO uploads; ${UPLOADS_OF_VERSION_2.indexes}`);
}

/** Version 3: vectors that the server makes. Which memories lack one is found out once the catalog is open. */
function addVectors(connection: Libsql.Database): void {
  connection.exec(VECTORS_OF_VERSION_3);
}

/** Version 4: memories are counted as they come and go. */
function addTierCounts(connection: Libsql.Database): void {
  connection.exec(TIER_COUNTS_OF_VERSION_4);
}

/** Version 5: memories can be forgotten, and operations of more kinds opened. No program of before wrote a tombstone. */
function addForgets(connection: Libsql.Database): void {
  connection.exec(FORGETS_OF_VERSION_5);
}

/** Version 6: when memories came, their tags, and words of texts without spaces. The last two are read from the tiers once the store is open. */
function addSearchColumns(connection: Libsql.Database): void {
  connection.exec(SEARCH_OF_VERSION_6);
}

/** Version 7: memories can be pinned to their tier, and what is held says why. */
function addPins(connection: Libsql.Database): void {
  connection.exec(PINS_OF_VERSION_7);
}

/** Version 8: transitions can be paused, and tell what they did; objects tell how many rows they have. */
function addTransitions(connection: Libsql.Database): void {
  connection.exec(TRANSITIONS_OF_VERSION_8);
}

/** Version 9: what is in no backup is known. */
function addUnsaved(connection: Libsql.Database): void {
  connection.exec(UNSAVED_OF_VERSION_9);
}

/** Version 10: what a rebuild left out as damaged is known, and stays. */
function addDamagedObjects(connection: Libsql.Database): void {
  connection.exec(DAMAGED_OF_VERSION_10);
}

/** Version 11: what stands of raw uploads is known, and which are due to go. */
function addRetention(connection: Libsql.Database): void {
  connection.exec(RETENTION_OF_VERSION_11);
}

/** Version 12: it is known since when a forget's tombstone stands. */
function addForgetBegins(connection: Libsql.Database): void {
  connection.exec(FORGETS_OF_VERSION_12);
}

/** Version 13: what scrubs found is known. */
function addChecks(connection: Libsql.Database): void {
  connection.exec(CHECKS_OF_VERSION_13);
}

/** Version 14: memories can expire, and what did is on record. */
function addExpiries(connection: Libsql.Database): void {
  connection.exec(EXPIRIES_OF_VERSION_14);
}

/** Version 15: of a memory that went with a project it is known up to which upload. */
function addPlacesOfForgotten(connection: Libsql.Database): void {
  connection.exec(FORGETS_OF_VERSION_15);
}
