import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Libsql from 'libsql';
import { z } from 'zod';
import type { Kind } from '../../contract/index.js';
import { agentFolder } from '../options.js';

/** What names a memory on its host. */
export interface RowKey {
  kind: Kind;
  memoryId: string;
}

/** `order_offset` is what the server's order of an upload is above the host's own. */
const SERVERS = `
  CREATE TABLE IF NOT EXISTS servers (
    server_id    INTEGER PRIMARY KEY,
    url          TEXT NOT NULL,
    system_id    TEXT NOT NULL,
    order_offset INTEGER,
    UNIQUE (url, system_id)
  ) STRICT;
`;

/**
 * `content_hash` is that of the version that the server has; null: some version was sent, and whether it arrived is not known, so the
 * next sync sends the memory whatever it is then. `stored_upload_id` is what the server stored it as; null where it does not say, as the
 * original, whose word that it has a memory is the last one. `ingested`: the server said that every row of it was.
 *
 * The first version did not know what holds a row: its rows go again, which changes nothing at the server.
 */
const ROWS = `
  DROP TABLE IF EXISTS acknowledged_rows;
  CREATE TABLE stored_uploads (
    stored_upload_id INTEGER PRIMARY KEY AUTOINCREMENT,
    server_id        INTEGER NOT NULL REFERENCES servers (server_id),
    upload_id        TEXT    NOT NULL,
    stored_at        INTEGER NOT NULL,
    ingested         INTEGER NOT NULL DEFAULT 0,
    UNIQUE (server_id, upload_id)
  ) STRICT;
  CREATE TABLE acknowledged_rows (
    server_id        INTEGER NOT NULL REFERENCES servers (server_id),
    kind             TEXT    NOT NULL,
    memory_id        TEXT    NOT NULL,
    content_hash     TEXT,
    stored_upload_id INTEGER REFERENCES stored_uploads (stored_upload_id),
    PRIMARY KEY (server_id, kind, memory_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX acknowledged_rows_by_upload ON acknowledged_rows (stored_upload_id);
  PRAGMA user_version = 2;
`;

const Server = z.object({ server_id: z.number(), order_offset: z.number().nullable() });
const Version = z.object({ user_version: z.number() });
const Acknowledged = z.object({
  content_hash: z.string().nullable(),
  upload_id: z.string().nullable(),
  ingested: z.number().nullable(),
});
const Stored = z
  .object({ upload_id: z.string(), stored_at: z.number(), ingested: z.number() })
  .transform((row) => ({
    uploadId: row.upload_id,
    storedAt: row.stored_at,
    ingested: row.ingested === 1,
  }));

/** An upload of the server's own, as which it stored rows of ours. */
export type StoredUpload = z.output<typeof Stored>;

/**
 * What one server has of one system's memories: `<dataDir>/agent/http-state.db`. Lost or damaged it costs one sync that sends all rows
 * again, which changes nothing at the server.
 */
export class HttpState {
  readonly #database: Libsql.Database;
  readonly #serverId: number;
  readonly #find: Libsql.Statement;
  readonly #put: Libsql.Statement;
  #orderOffset: number | undefined;

  constructor(dataDir: string, server: { url: string; systemId: string }) {
    this.#database = openDatabase(join(agentFolder(dataDir), 'http-state.db'));
    this.#database
      .prepare('INSERT INTO servers (url, system_id) VALUES ($url, $systemId) ON CONFLICT DO NOTHING')
      .run(server);
    const row = Server.parse(
      this.#database
        .prepare('SELECT server_id, order_offset FROM servers WHERE url = $url AND system_id = $systemId')
        .get(server),
    );
    this.#serverId = row.server_id;
    this.#orderOffset = row.order_offset ?? undefined;
    this.#find = this.#database.prepare(
      `SELECT content_hash, upload_id, ingested
       FROM acknowledged_rows r LEFT JOIN stored_uploads USING (stored_upload_id)
       WHERE r.server_id = $server AND kind = $kind AND memory_id = $memoryId`,
    );
    this.#put = this.#database.prepare(
      `INSERT INTO acknowledged_rows VALUES ($server, $kind, $memoryId, $hash,
         (SELECT stored_upload_id FROM stored_uploads WHERE server_id = $server AND upload_id = $uploadId))
       ON CONFLICT DO UPDATE SET content_hash = excluded.content_hash, stored_upload_id = excluded.stored_upload_id`,
    );
  }

  get orderOffset(): number | undefined {
    return this.#orderOffset;
  }

  /** Where the server has this version of a row; undefined where it does not. `uploadId` is null where the server names none. */
  whereIs(
    { kind, memoryId }: RowKey,
    hash: string,
  ): { uploadId: string | null; ingested: boolean } | undefined {
    const found = this.#find.get({ server: this.#serverId, kind, memoryId });
    if (found === undefined) return undefined;
    const row = Acknowledged.parse(found);
    return row.content_hash === hash ? { uploadId: row.upload_id, ingested: row.ingested === 1 } : undefined;
  }

  /** To be called before rows are sent. */
  sending(rows: readonly RowKey[]): void {
    this.#write(rows.map((row) => ({ ...row, hash: null })));
  }

  /** The server has these rows, as this upload of its own where it names one. */
  acknowledged(rows: readonly (RowKey & { hash: string })[], uploadId: string | undefined): void {
    if (uploadId !== undefined) {
      this.#run(
        `INSERT INTO stored_uploads (server_id, upload_id, stored_at) VALUES ($server, $uploadId, $now)
         ON CONFLICT DO NOTHING`,
        { uploadId, now: Date.now() },
      );
    }
    this.#write(rows, uploadId);
  }

  /** Of which the server has not said that they were ingested, in the order in which it stored them. */
  doubtful(): StoredUpload[] {
    return this.#stored('ingested = 0 ORDER BY stored_upload_id');
  }

  /** The last that was ingested. */
  lastIngested(): StoredUpload | undefined {
    return this.#stored('ingested = 1 ORDER BY stored_upload_id DESC LIMIT 1')[0];
  }

  isIngested(uploadId: string): void {
    this.#run('UPDATE stored_uploads SET ingested = 1 WHERE server_id = $server AND upload_id = $uploadId', {
      uploadId,
    });
  }

  /** The server does not know any more what it had said of one: what it said of the others counts no more. */
  doubtAll(): void {
    this.#run('UPDATE stored_uploads SET ingested = 0 WHERE server_id = $server', {});
  }

  /** The rows of this upload are to go again. */
  forget(uploadId: string): void {
    const one = 'WHERE server_id = $server AND upload_id = $uploadId';
    this.#run(
      `DELETE FROM acknowledged_rows WHERE stored_upload_id = (SELECT stored_upload_id FROM stored_uploads ${one})`,
      { uploadId },
    );
    this.#run(`DELETE FROM stored_uploads ${one}`, { uploadId });
  }

  learnOrderOffset(offset: number): void {
    if (this.#orderOffset !== undefined) return;
    this.#database
      .prepare('UPDATE servers SET order_offset = $offset WHERE server_id = $server')
      .run({ offset, server: this.#serverId });
    this.#orderOffset = offset;
  }

  close(): void {
    this.#database.close();
  }

  /** Of those that hold a row still. */
  #stored(rule: string): StoredUpload[] {
    const rows = this.#database
      .prepare(
        `SELECT upload_id, stored_at, ingested FROM stored_uploads s
         WHERE server_id = $server AND EXISTS (SELECT 1 FROM acknowledged_rows r WHERE r.stored_upload_id = s.stored_upload_id)
           AND ${rule}`,
      )
      .all({ server: this.#serverId });
    return z.array(Stored).parse(rows);
  }

  #run(sql: string, parameters: Readonly<Record<string, string | number>>): void {
    this.#database.prepare(sql).run({ server: this.#serverId, ...parameters });
  }

  #write(rows: readonly (RowKey & { hash: string | null })[], uploadId: string | null = null): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      for (const { kind, memoryId, hash } of rows)
        this.#put.run({ server: this.#serverId, kind, memoryId, hash, uploadId });
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

function openDatabase(file: string): Libsql.Database {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    return openSound(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!/^SQLITE_(NOTADB|CORRUPT)/.test(code)) throw error;
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
    return openSound(file);
  }
}

/** `synchronous=NORMAL`: a power cut may forget the last rows, which are then sent again. */
function openSound(file: string): Libsql.Database {
  const database = new Libsql(file);
  try {
    database.exec('PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    const { user_version: version } = Version.parse(database.prepare('PRAGMA user_version').get());
    if (version < 2) database.exec(`BEGIN IMMEDIATE; ${SERVERS} ${ROWS} COMMIT`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
