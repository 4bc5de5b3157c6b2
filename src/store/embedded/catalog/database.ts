import Libsql from 'libsql';
import { AkoshaError } from '../../../contract/index.js';
import { AsJson } from './as-json.js';
import { migrate, SCHEMA_VERSION } from './migrations.js';
import { IDS_PER_EPOCH, SCHEMA } from './schema.js';
import { STAGING } from './staging-schema.js';
import { inTransaction } from './transaction.js';

type Parameter = string | number | null | Buffer;

/**
 * One SQLite connection of the catalog. Synchronous: it lives in the catalog's threads only.
 * WAL with synchronous=full: a commit that returned survives power loss.
 */
export class CatalogDatabase {
  readonly #connection: Libsql.Database;
  readonly #statements = new Map<string, Libsql.Statement>();

  constructor(path: string, mode: 'write' | 'read') {
    this.#connection = new Libsql(path, mode === 'read' ? { readonly: true } : {});
    // Long enough for a checkpoint of the other side to pass; a longer wait would mean a second writer.
    this.#connection.exec('PRAGMA busy_timeout = 10000');
    if (mode === 'write') this.#prepareForWriting();
  }

  #prepareForWriting(): void {
    this.#connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF');
    // Deleted rows are overwritten where their page is written anyway; pages that come free are a forget's to overwrite.
    this.#connection.exec('PRAGMA secure_delete = FAST');
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
  }

  /** All rows of a query. The row type is the caller's reading of its own SQL: the schema above is the parser. */
  all<Row>(sql: string, parameters: Record<string, Parameter> = {}): Row[] {
    return this.#statement(sql).all(parameters) as Row[];
  }

  /** As `all`, of a query whose one column `row` holds each row as a JSON object. */
  allAsJson<Row>(sql: string, parameters: Record<string, Parameter> = {}): AsJson<Row[]> {
    const found = this.get<{ rows: string }>(
      `SELECT json_group_array(json(row)) AS rows FROM (${sql})`,
      parameters,
    );
    return new AsJson(found?.rows ?? '[]');
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
    yield* this.#statement(sql).iterate();
  }

  /** Runs `work`, which only reads, on one state of the catalog, whatever is committed meanwhile. */
  snapshot<T>(work: () => T): T {
    this.#connection.exec('BEGIN');
    try {
      return work();
    } finally {
      this.#connection.exec('COMMIT');
    }
  }

  /** Runs statements that take no parameters, such as those that make tables. */
  execute(sql: string): void {
    this.#connection.exec(sql);
  }

  /** Runs `work` in one transaction: all of it stands or nothing. */
  transaction<T>(work: () => T): T {
    return inTransaction(this.#connection, work);
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

  /** Folds the log into the file and empties it. False where somebody reads an older state for so long that it cannot be. */
  checkpoint(): boolean {
    return this.number('PRAGMA wal_checkpoint(TRUNCATE)') === 0;
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
