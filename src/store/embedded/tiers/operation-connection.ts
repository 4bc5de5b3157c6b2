import type { DuckDBAppender, DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import type { PeriodTable, TableTier } from './tables.js';
import { queryRows } from './queries.js';
import type { TierDatabase } from './tier-database.js';

/**
 * A connection of one operation, for its temporary tables. Once the operation's signal is raised no statement of it begins, one
 * that runs is interrupted, and either raises the signal's reason: a statement over a large upload takes longer than a
 * process that is told to stop may.
 */
export class OperationConnection {
  readonly #tiers: TierDatabase;
  readonly #connection: DuckDBConnection;
  readonly #signal: AbortSignal;

  private constructor(tiers: TierDatabase, connection: DuckDBConnection, signal: AbortSignal) {
    this.#tiers = tiers;
    this.#connection = connection;
    this.#signal = signal;
  }

  /** The caller closes it. */
  static async open(tiers: TierDatabase, signal: AbortSignal): Promise<OperationConnection> {
    signal.throwIfAborted();
    return new OperationConnection(tiers, await tiers.connect(), signal);
  }

  /** Returns how many rows the statement changed. */
  run(sql: string): Promise<number> {
    return this.#untilAborted(async () => (await this.#connection.run(sql)).rowsChanged);
  }

  /** The row type is the caller's reading of its own SQL. */
  rows<Row>(sql: string): Promise<Row[]> {
    return this.#untilAborted(() => queryRows<Row>(this.#connection, sql));
  }

  /** The same in DuckDB's own parts, as they lie in memory. */
  async *chunks(sql: string): AsyncGenerator<DuckDBDataChunk> {
    // Not as a stream, whose end does not tell whether it failed.
    const result = await this.#untilAborted(() => this.#connection.run(sql));
    for (;;) {
      const chunk = await this.#untilAborted(() => result.fetchChunk());
      if (chunk === null || chunk.rowCount === 0) return;
      yield chunk;
    }
  }

  appendTo(temporaryTable: string): Promise<DuckDBAppender> {
    return this.#connection.createAppender(temporaryTable, 'main', 'temp');
  }

  /** Within `write`: makes the tables of these periods where they do not stand. */
  createTables(tier: TableTier, tables: PeriodTable[]): Promise<void> {
    return this.#untilAborted(() => this.#tiers.createTables(this.#connection, tier, tables));
  }

  /** Within `write`. */
  dropTable(table: PeriodTable): Promise<void> {
    return this.#untilAborted(() => this.#tiers.dropTable(this.#connection, table));
  }

  /** Runs `work` in one transaction that writes to a tier, in turn with other writers of it. */
  write<T>(tier: TableTier, work: () => Promise<T>): Promise<T> {
    return this.#tiers.write(tier, this.#connection, work);
  }

  close(): void {
    this.#connection.closeSync();
  }

  async #untilAborted<T>(statement: () => Promise<T>): Promise<T> {
    const signal = this.#signal;
    signal.throwIfAborted();
    const interrupt = (): void => this.#connection.interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      return await statement();
    } catch (error) {
      signal.throwIfAborted();
      throw this.#tiers.explain(error);
    } finally {
      signal.removeEventListener('abort', interrupt);
    }
  }
}
