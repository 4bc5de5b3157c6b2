import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Libsql from 'libsql';

/**
 * A request is who asked, and when. An upload is the snapshot that answers one or several, and what became of it; `upload_id` of a request
 * is null until a snapshot takes it up. Times are milliseconds since 1970 by the host's own clock.
 */
const FIRST_SCHEMA = `
  CREATE TABLE requests (
    request_id      INTEGER PRIMARY KEY AUTOINCREMENT,
    trigger         TEXT    NOT NULL,
    force_method    TEXT,
    enable_fallback INTEGER,
    created_at      INTEGER NOT NULL,
    upload_id       TEXT
  ) STRICT;
  CREATE INDEX requests_of_upload ON requests (upload_id);
  CREATE TABLE uploads (
    upload_id   TEXT    PRIMARY KEY,
    system_id   TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN
                  ('requested', 'prepared', 'delivered', 'unchanged', 'superseded', 'cancelled', 'failed')),
    host_order  INTEGER,
    created_at  INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER NOT NULL DEFAULT 0,
    last_error  TEXT,
    method      TEXT,
    files       INTEGER NOT NULL DEFAULT 0,
    bytes       INTEGER NOT NULL DEFAULT 0,
    bytes_sent  INTEGER NOT NULL DEFAULT 0,
    begun       INTEGER NOT NULL DEFAULT 0,
    contents    TEXT,
    answered_by TEXT,
    receipt     TEXT,
    ended_at    INTEGER
  ) STRICT;
  CREATE INDEX uploads_by_state ON uploads (state);
  CREATE TABLE sequence (
    system_id               TEXT    PRIMARY KEY,
    last_order              INTEGER NOT NULL,
    last_acknowledged_order INTEGER
  ) STRICT;
  CREATE TABLE known_uploads (
    system_id TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    PRIMARY KEY (system_id, upload_id)
  ) STRICT, WITHOUT ROWID;
`;

/** Of an upload that has ended: the notice of it. Null: nobody is told, as of all that ended before there were notices. */
const NOTICES = `
  ALTER TABLE uploads ADD COLUMN error_type      TEXT;
  ALTER TABLE uploads ADD COLUMN notice          TEXT CHECK (notice IN ('due', 'sent', 'given_up'));
  ALTER TABLE uploads ADD COLUMN notice_attempts INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE uploads ADD COLUMN notice_next_at  INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX uploads_by_due_notice ON uploads (ended_at) WHERE notice = 'due';
`;

/**
 * Uploads of the server's own that hold the memories of one of ours: what went over HTTP. `inherited`: an earlier one of ours brought
 * them, and they were not sent again.
 */
const SERVER_UPLOADS = `
  CREATE TABLE server_uploads (
    server_upload_row INTEGER PRIMARY KEY AUTOINCREMENT,
    upload_id         TEXT    NOT NULL,
    url               TEXT    NOT NULL,
    server_upload_id  TEXT    NOT NULL,
    inherited         INTEGER NOT NULL,
    UNIQUE (upload_id, url, server_upload_id)
  ) STRICT;
`;

/** What makes each version of the schema from the one before. A step that was released is never changed. */
const STEPS = [FIRST_SCHEMA, NOTICES, SERVER_UPLOADS];
const SCHEMA_VERSION = STEPS.length;

/** Another process of the host writes for some milliseconds at a time; a longer wait would mean a broken disk. */
const BUSY_MS = 5_000;

export function outboxFile(dataDir: string): string {
  return join(dataDir, 'agent', 'outbox.db');
}

/**
 * The outbox's database, made where there is none. WAL with `synchronous=FULL`: what a statement has written survives a power cut. One that
 * is damaged is put aside and begun anew: the uploads' files and the object store know the rest.
 *
 * `check` reads all of it, which whoever keeps it open can afford. Synchronous, and loads nothing but SQLite, so that a session's end costs
 * milliseconds.
 */
export function openOutboxDatabase(dataDir: string, { check = false } = {}): Libsql.Database {
  const file = outboxFile(dataDir);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  for (;;) {
    const before = inodeOf(file);
    try {
      return openAndPrepare(file, check);
    } catch (error) {
      if (!isDamaged(error) || before === undefined) throw error;
      // Unless another process has put it aside already, and begun a new one.
      if (inodeOf(file) === before) putAside(file);
    }
  }
}

function openAndPrepare(file: string, check: boolean): Libsql.Database {
  const database = new Libsql(file);
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    enterWal(database);
    database.exec('PRAGMA synchronous = FULL');
    if (versionOf(database) < SCHEMA_VERSION) migrate(database);
    const version = versionOf(database);
    if (version > SCHEMA_VERSION) {
      throw new Error(
        `${file} was written by a newer version of akosha (schema ${version}, this one reads ${SCHEMA_VERSION})`,
      );
    }
    if (check) requireSound(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** How long to wait before the next try: the other's switch takes less. */
const WAL_PAUSE_MS = 5;

/** SQLite does not wait where several processes switch a new database to WAL at once, whatever its timeout: all but one are told "busy". */
function enterWal(database: Libsql.Database): void {
  const deadline = Date.now() + BUSY_MS;
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!codeOf(error).startsWith('SQLITE_BUSY') || Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAL_PAUSE_MS);
    }
  }
}

class Damaged extends Error {
  readonly code = 'SQLITE_CORRUPT';
}

function requireSound(database: Libsql.Database): void {
  const [first]: unknown[] = database.prepare('PRAGMA quick_check(1)').raw().all();
  if (!Array.isArray(first) || first[0] !== 'ok')
    throw new Damaged(`the outbox is damaged: ${String(first)}`);
}

function migrate(database: Libsql.Database): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    // Looked at again under the lock: two processes may begin at once.
    const missing = STEPS.slice(versionOf(database));
    if (missing.length > 0) {
      database.exec(`${missing.join('')} PRAGMA user_version = ${SCHEMA_VERSION}`);
    }
    database.exec('COMMIT');
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(database: Libsql.Database): number {
  const row: unknown = database.prepare('PRAGMA user_version').get();
  return typeof row === 'object' && row !== null && 'user_version' in row ? Number(row.user_version) : 0;
}

/** Runs `work` on an outbox; where its disk is full, the error says which. Of its type is only the text: a session's end loads nothing more. */
export function tellingOfRoom<T>(dataDir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(codeOf(error))) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(
      `no room is left for ${dirname(outboxFile(dataDir))} (data_dir, AKOSHA_DATA_DIR): ${text}`,
      {
        cause: error,
      },
    );
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function isDamaged(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('SQLITE_NOTADB') || code.startsWith('SQLITE_CORRUPT');
}

function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}

/** Kept, for whoever wants to know what happened. Its log must go with it, or it would be played into the new one. */
function putAside(file: string): void {
  const aside = `${file}.damaged-${Date.now()}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
  }
}
