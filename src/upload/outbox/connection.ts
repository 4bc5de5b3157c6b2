import type Libsql from 'libsql';
import type { z } from 'zod';
import { openOutboxDatabase, tellingOfRoom } from './database.js';

export type Parameters = Record<string, string | number | null>;

/**
 * The outbox's open database. Its statements are few and each takes milliseconds, most of them the disk's, so they run where they are
 * called: a handful for each upload.
 */
export class OutboxConnection {
  readonly #database: Libsql.Database;
  readonly #statements = new Map<string, Libsql.Statement>();
  readonly #dataDir: string;

  constructor(dataDir: string, options: { check: boolean }) {
    this.#dataDir = dataDir;
    this.#database = tellingOfRoom(dataDir, () => openOutboxDatabase(dataDir, options));
  }

  all<Row>(shape: z.ZodType<Row>, sql: string, parameters: Parameters = {}): Row[] {
    return this.#statement(sql)
      .all(parameters)
      .map((row) => shape.parse(row));
  }

  get<Row>(shape: z.ZodType<Row>, sql: string, parameters: Parameters = {}): Row | undefined {
    return this.all(shape, sql, parameters)[0];
  }

  /** Returns the number of rows changed. */
  run(sql: string, parameters: Parameters = {}): number {
    return tellingOfRoom(this.#dataDir, () => this.#statement(sql).run(parameters).changes);
  }

  /** Returns the new row's number. */
  insert(sql: string, parameters: Parameters): number {
    return tellingOfRoom(this.#dataDir, () => Number(this.#statement(sql).run(parameters).lastInsertRowid));
  }

  /** All of `work` or nothing. Taken for writing at once, so that it never fails half-way to upgrade its lock. */
  transaction<T>(work: () => T): T {
    if (this.#database.inTransaction) return work();
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      tellingOfRoom(this.#dataDir, () => this.#database.exec('COMMIT'));
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /** SQLite has done so by itself after some faults, such as a full disk. */
  #rollBack(): void {
    if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #statement(sql: string): Libsql.Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
