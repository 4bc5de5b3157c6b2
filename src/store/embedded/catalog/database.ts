import Libsql from 'libsql';
import { AkoshaError } from '../../../contract/index.js';
import { AsJson } from './as-json.js';
import { migrate, SCHEMA_VERSION } from './migrations.js';
import { IDS_PER_EPOCH, SCHEMA } from './schema.js';
import { STAGING } from './staging-schema.js';
import { inSavepoint, inTransaction } from './transaction.js';

/** Long enough for a checkpoint of the other side to pass; a longer wait would mean a second writer. */
const BUSY_MS = 10_000;

/** Longer than a look-up reads, and no longer than a commit may well be held up. */
const CHECKPOINT_MS = 200;

/**
 * The writer's pages in memory. In SQLite's own 2 MB a commit of 10,000 moved memories did not fit: it wrote pages out and read them back, which
 * was a third of its time.
 */
const WRITER_CACHE_KIB = 32 * 1024;

/**
 * Of how many deleted texts in a hundred a part of the text index is written anew. At FTS5's own 10 a memory that left for cold had ten others
 * written anew, which was most of what its move cost the catalog, and now one and a half. Searches skip as many words at the most.
 */
const DELETED_SHARE = 40;

type Parameter = string | number | null | Buffer;

/**
 * One SQLite connection of the catalog. Synchronous: it lives in the catalog's threads only.
 * WAL with synchronous=full: a commit that returned survives power loss.
 */
export class CatalogDatabase {
  readonly #connection: Libsql.Database;
  readonly #statements = new Map<string, Libsql.Statement>();
  #isShared = false;

  constructor(path: string, mode: 'write' | 'read') {
    this.#connection = new Libsql(path, mode === 'read' ? { readonly: true } : {});
    this.#waitFor(BUSY_MS);
    if (mode === 'write') this.#prepareForWriting();
  }

  #prepareForWriting(): void {
    this.#connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF');
    // Deleted rows are overwritten where their page is written anyway; pages that come free are a forget's to overwrite.
    this.#connection.exec('PRAGMA secure_delete = FAST');
    this.#connection.exec(`PRAGMA cache_size = -${WRITER_CACHE_KIB}`);
    const version = this.number('PRAGMA user_version');
    if (version > SCHEMA_VERSION) {
      throw new AkoshaError(
        'StoreDamaged',
        `catalog.db has schema ${version}, which a newer version wrote, and this one knows up to ${SCHEMA_VERSION}: start the newer one, or have it take the store back with \`akosha downgrade --to ${SCHEMA_VERSION}\`; where that cannot be, move the folder away and run \`akosha rebuild\``,
      );
    }
    if (version === 0)
      this.#connection.exec(`BEGIN; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
    else migrate(this.#connection, version);
    this.#connection.exec('PRAGMA foreign_keys = ON');
    this.#connection.exec(STAGING);
    this.#setDeletedShare();
  }

  /** It stands in the index's own table, so that a file of any age gets it once. */
  #setDeletedShare(): void {
    const share = this.number(`SELECT v FROM memory_text_config WHERE k = 'deletemerge'`);
    if (share === DELETED_SHARE) return;
    // Not as a parameter: libsql hands every number over as a float, which FTS5 refuses here.
    this.#connection.exec(
      `INSERT INTO memory_text (memory_text, rank) VALUES ('deletemerge', ${DELETED_SHARE})`,
    );
  }

  /** All rows of a query. The row type is the caller's reading of its own SQL: the schema above is the parser. */
  all<Row>(sql: string, parameters: Record<string, Parameter> = {}): Row[] {
    return this.#statement(sql).all(parameters) as Row[];
  }

  /** As `all`, of a query whose one column `row` holds each row as a JSON object. */
  allAsJson<Row>(sql: string, parameters: Record<string, Parameter> = {}): AsJson<Row[]> {
    return this.jsonAndCount<Row>(sql, parameters).rows;
  }

  /** As `allAsJson`, with how many there are. */
  jsonAndCount<Row>(
    sql: string,
    parameters: Record<string, Parameter>,
  ): { rows: AsJson<Row[]>; count: number } {
    const found = this.get<{ rows: string; count: number }>(
      `SELECT json_group_array(json(row)) AS rows, count(*) AS count FROM (${sql})`,
      parameters,
    );
    return { rows: new AsJson(found?.rows ?? '[]'), count: found?.count ?? 0 };
  }

  get<Row>(sql: string, parameters: Record<string, Parameter> = {}): Row | undefined {
    return this.all<Row>(sql, parameters)[0];
  }

  /** The first column of the first row, as a number; 0 where there is none. */
  number(sql: string, parameters: Record<string, Parameter> = {}): number {
    const row = this.get<Record<string, unknown>>(sql, parameters);
    return row === undefined ? 0 : Number(Object.values(row)[0]);
  }

  /** Runs a statement and returns how many rows it changed. */
  run(sql: string, parameters: Record<string, Parameter> = {}): number {
    return this.#statement(sql).run(parameters).changes;
  }

  /** The rows of a query one by one, for one that has more than memory should hold. */
  *each(sql: string): Generator<unknown> {
    const statement = this.#statement(sql);
    let ended = false;
    try {
      yield* statement.iterate();
      ended = true;
    } finally {
      if (!ended) this.#end(sql, statement);
    }
  }

  /**
   * An iterator of libsql cannot be told to end: its statement would keep the state that it reads until it is collected, and the log could not be
   * emptied. Reading one row starts the statement anew and ends it. The iterator still refers to it, so nobody else gets it again.
   */
  #end(sql: string, statement: Libsql.Statement): void {
    this.#statements.delete(sql);
    statement.get({});
  }

  /** Runs `work`, which only reads, on one state of the catalog, whatever is committed meanwhile. */
  snapshot<T>(work: () => T): T {
    this.#connection.exec('BEGIN');
    try {
      return work();
    } finally {
      // SQLite ends it itself where the file could not be read: that is what to tell.
      if (this.#connection.inTransaction) this.#connection.exec('COMMIT');
    }
  }

  /** Runs statements that take no parameters, such as those that make tables. */
  execute(sql: string): void {
    this.#connection.exec(sql);
  }

  /** Runs `work` in one transaction: all of it stands or nothing. */
  transaction<T>(work: () => T): T {
    return this.#isShared ? inSavepoint(this.#connection, work) : inTransaction(this.#connection, work);
  }

  /**
   * One commit for several pieces of work, of which each `transaction` stands or falls by itself. Where it raises, nothing of any of them stands; so does
   * whatever went so wrong in one that SQLite ended the transaction, by the check that `work` is given to make after each.
   */
  shareCommit(work: (requireOpen: () => void) => void): void {
    this.#isShared = true;
    try {
      inTransaction(this.#connection, () =>
        work(() => {
          if (!this.#connection.inTransaction) throw new Error('SQLite ended a transaction that was shared');
        }),
      );
    } finally {
      this.#isShared = false;
    }
  }

  /** A block of `count` fresh ids for rows, operations and objects; never used twice. Only inside a transaction. */
  takeIds(count: number): number {
    const next = this.number(`SELECT value FROM meta WHERE key = 'next_id'`);
    this.run(`UPDATE meta SET value = value + $count WHERE key = 'next_id'`, { count });
    return next;
  }

  /** Starts the ids of a new epoch, above everything an earlier store under the same bucket can have used. */
  startEpoch(epoch: number): void {
    const first = epoch * IDS_PER_EPOCH + 1;
    this.run(`INSERT INTO meta VALUES ('epoch', $epoch), ('first_id', $first), ('next_id', $first)`, {
      epoch,
      first,
    });
  }

  /**
   * Folds the log into the file and empties it. False where somebody reads an older state, so that it cannot be: the caller asks again later, because
   * commits wait meanwhile.
   */
  checkpoint(): boolean {
    this.#waitFor(CHECKPOINT_MS);
    try {
      return this.number('PRAGMA wal_checkpoint(TRUNCATE)') === 0;
    } finally {
      this.#waitFor(BUSY_MS);
    }
  }

  #waitFor(ms: number): void {
    this.#connection.exec(`PRAGMA busy_timeout = ${ms}`);
  }

  close(): void {
    this.#statements.clear();
    this.#connection.close();
  }

  #statement(sql: string): Libsql.Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
