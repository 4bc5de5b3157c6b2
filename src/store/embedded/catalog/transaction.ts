import type Libsql from 'libsql';

/** Runs `work` in one transaction, taken for writing at once so that it never fails half-way to upgrade its lock. */
export function inTransaction<T>(connection: Libsql.Database, work: () => T): T {
  connection.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    connection.exec('COMMIT');
    return result;
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK');
    throw error;
  }
}

/** The same within a transaction: what goes wrong takes back this work alone, unless SQLite ended the whole. */
export function inSavepoint<T>(connection: Libsql.Database, work: () => T): T {
  connection.exec('SAVEPOINT one');
  try {
    const result = work();
    connection.exec('RELEASE one');
    return result;
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK TO one; RELEASE one');
    throw error;
  }
}
