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

/**
 * `content_hash` is that of the version that the server has; null: some version was sent, and whether it arrived is not known, so the
 * next sync sends the memory whatever it is then. `order_offset` is what the server's order of an upload is above the host's own.
 */
const SCHEMA = `
  CREATE TABLE servers (
    server_id    INTEGER PRIMARY KEY,
    url          TEXT NOT NULL,
    system_id    TEXT NOT NULL,
    order_offset INTEGER,
    UNIQUE (url, system_id)
  ) STRICT;
  CREATE TABLE acknowledged_rows (
    server_id    INTEGER NOT NULL REFERENCES servers (server_id),
    kind         TEXT    NOT NULL,
    memory_id    TEXT    NOT NULL,
    content_hash TEXT,
    PRIMARY KEY (server_id, kind, memory_id)
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = 1;
`;

const Server = z.object({ server_id: z.number(), order_offset: z.number().nullable() });
const Version = z.object({ user_version: z.number() });
const Hash = z.object({ content_hash: z.string().nullable() });

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
      'SELECT content_hash FROM acknowledged_rows WHERE server_id = $server AND kind = $kind AND memory_id = $memoryId',
    );
    this.#put = this.#database.prepare(
      `INSERT INTO acknowledged_rows VALUES ($server, $kind, $memoryId, $hash)
       ON CONFLICT DO UPDATE SET content_hash = excluded.content_hash`,
    );
  }

  get orderOffset(): number | undefined {
    return this.#orderOffset;
  }

  hasRow({ kind, memoryId }: RowKey, hash: string): boolean {
    const row = this.#find.get({ server: this.#serverId, kind, memoryId });
    return row !== undefined && Hash.parse(row).content_hash === hash;
  }

  /** To be called before rows are sent. */
  sending(rows: readonly RowKey[]): void {
    this.#write(rows.map((row) => ({ ...row, hash: null })));
  }

  acknowledged(rows: readonly (RowKey & { hash: string })[]): void {
    this.#write(rows);
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

  #write(rows: readonly (RowKey & { hash: string | null })[]): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      for (const { kind, memoryId, hash } of rows)
        this.#put.run({ server: this.#serverId, kind, memoryId, hash });
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
    if (version === 0) database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
