import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { isAkoshaError, messageOf } from '../../../contract/index.js';
import { isDamage } from './damage.js';
import { createInstance } from './instance.js';
import { PeriodList } from './period-list.js';
import { queryRows } from './queries.js';
import { ofShortage } from './shortage.js';
import {
  createTableSql,
  literal,
  parseTable,
  qualified,
  type PeriodTable,
  type TableTier,
} from './tables.js';
import { discard, hasContent, moveAside, notOpen, notOpened, removeSetAside } from './tier-file.js';
import { requireVersion } from './tier-version.js';

export interface TierDatabaseOptions {
  folder: string;
  /** DuckDB's own limit; its default is most of the machine. */
  memoryMb: number;
  /** Where DuckDB spills what does not fit. */
  scratch: string;
  /** How long the statements that still read a file that is opened anew may take; by default as long as a search. */
  releaseMs?: number;
}

/**
 * Rows that DuckDB writes anew together at a checkpoint. A period's table grows by a few rows with every ingest, and with DuckDB's own 122,880
 * each checkpoint would write all of a month again; this many are 10 MB, and still fill its vectors of 2,048 whole.
 */
const ROW_GROUP_SIZE = 10_240;

/** Of `releaseMs`, and between two looks. */
const RELEASE_MS = 30_000;
const RELEASE_LOOK_MS = 50;

/** Between two tries to open a file anew that DuckDB gave up: it costs a look at the disk. */
const REOPEN_MS = 1_000;

/** The tier whose file DuckDB has given up, in its words. */
const GIVEN_UP = /atabase "(hot|warm)"(?:\. The database)? has been invalidated/;

/**
 * Hot and warm, both attached to one DuckDB instance. There is one instance per process and file: two on one path open
 * without error and lose rows. Attached to `:memory:` rather than opened, because a file whose writer was killed before its
 * first checkpoint replays its log only that way.
 */
export class TierDatabase {
  readonly #instance: DuckDBInstance;
  readonly #options: TierDatabaseOptions;
  readonly #locks: Record<TableTier, Promise<unknown>> = { hot: Promise.resolve(), warm: Promise.resolve() };
  readonly #idle: DuckDBConnection[] = [];
  readonly #reopening = new Set<TableTier>();
  /** Those whose file was set aside, and whose new one was not open yet: nothing is in it. */
  readonly #begun = new Set<TableTier>();
  #closed = false;
  readonly #periods = { hot: new PeriodList(), warm: new PeriodList() };

  private constructor(instance: DuckDBInstance, options: TierDatabaseOptions) {
    this.#instance = instance;
    this.#options = options;
  }

  static async open(options: TierDatabaseOptions): Promise<TierDatabase> {
    const database = new TierDatabase(await createInstance(options), options);
    for (const tier of ['hot', 'warm'] as const) await database.#openFile(tier);
    return database;
  }

  /**
   * A damaged file must not keep the other tiers from answering: what it held comes back from object storage. One that is whole and cannot be
   * opened now (permissions, a lock, a full disk, a newer DuckDB's) is what a person has to look at, and stays where it is.
   */
  async #openFile(tier: TableTier): Promise<void> {
    const file = this.file(tier);
    if (!(await hasContent(file))) await moveAside(file);
    try {
      await this.#attach(tier);
    } catch (error) {
      if (isAkoshaError(error)) throw error;
      if (!isDamage(error)) throw notOpened(file, error);
      await moveAside(file);
      await this.#attach(tier);
    }
  }

  async #attach(tier: TableTier): Promise<void> {
    const file = this.file(tier);
    const options = `(ROW_GROUP_SIZE ${ROW_GROUP_SIZE})`;
    try {
      await this.read(async (connection) => {
        await connection.run(`ATTACH ${literal(file)} AS ${tier} ${options}`);
        await requireVersion(connection, tier, file);
      });
    } catch (error) {
      await this.read((connection) => connection.run(`DETACH DATABASE IF EXISTS ${tier}`));
      throw error;
    }
  }

  /** Takes a tier's file out of use and begins a new one; returns where the old one is. Where that fails, as on a full disk, it is begun once it can be. */
  async setAside(tier: TableTier): Promise<string> {
    try {
      return await this.#reopen(tier, async () => {
        const aside = await moveAside(this.file(tier));
        this.#begun.add(tier);
        return aside;
      });
    } catch (error) {
      void this.#reopenUntilDone(tier);
      throw error;
    }
  }

  /** Opens a tier's file anew, in turn with its writers. Statements that are reading it end first, for DuckDB keeps a file until nobody has it. */
  #reopen<T>(tier: TableTier, whileClosed: () => Promise<T>): Promise<T> {
    return this.#inTurn(tier, async () => {
      for (const connection of this.#idle.splice(0)) connection.closeSync();
      await this.read((connection) => connection.run(`DETACH DATABASE IF EXISTS ${tier}`));
      const result = await whileClosed();
      this.#periods[tier].change();
      try {
        await this.#attachOnceReleased(tier);
      } finally {
        this.#periods[tier].settle();
      }
      return result;
    });
  }

  /** Deletes what was set aside of a tier; nothing needs it. */
  removeSetAside(tier: TableTier): Promise<void> {
    return this.#inTurn(tier, () => removeSetAside(this.file(tier)));
  }

  /** What writes to a tier, or replaces its file, does it one after the other. */
  #inTurn<T>(tier: TableTier, work: () => Promise<T>): Promise<T> {
    const turn = this.#locks[tier].then(work);
    this.#locks[tier] = turn.catch(() => undefined);
    return turn;
  }

  async #attachOnceReleased(tier: TableTier): Promise<void> {
    for (let waited = 0; ; waited += RELEASE_LOOK_MS) {
      try {
        await this.#attach(tier);
        this.#begun.delete(tier);
        return;
      } catch (error) {
        // DuckDB writes a new file's head in several steps, and a disk that is full leaves some of them out: it would never open.
        if (this.#begun.has(tier) && isDamage(error)) await discard(this.file(tier));
        if (waited >= (this.#options.releaseMs ?? RELEASE_MS)) throw notOpened(this.file(tier), error);
        await sleep(RELEASE_LOOK_MS);
      }
    }
  }

  /**
   * DuckDB gives up a file that it could not fold its log into, as on a full disk, until it is opened anew: all that was committed stands in the log. And one
   * that was set aside has no successor yet. Until that works, what needs the tier fails.
   */
  async #reopenUntilDone(tier: TableTier): Promise<void> {
    if (this.#reopening.has(tier)) return;
    this.#reopening.add(tier);
    for (let done = false; !done && !this.#closed;) {
      done = await this.#reopen(tier, () => this.#moveLogsAside(tier)).then(
        () => true,
        () => false,
      );
      if (!done) await sleep(REOPEN_MS, undefined, { ref: false });
    }
    this.#reopening.delete(tier);
  }

  /** The logs of a file that was set aside without them: a new one must not take them for its own. */
  async #moveLogsAside(tier: TableTier): Promise<void> {
    const file = this.file(tier);
    if (!this.#begun.has(tier) && !(await hasContent(file))) await moveAside(file);
  }

  file(tier: TableTier): string {
    return path.join(this.#options.folder, `${tier}.duckdb`);
  }

  /** Runs `work` on a pooled connection. */
  async read<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = this.#idle.pop() ?? (await this.#instance.connect());
    try {
      const result = await work(connection);
      this.#idle.push(connection);
      return result;
    } catch (error) {
      // A connection that failed may be inside a broken transaction.
      connection.closeSync();
      throw this.explain(error);
    }
  }

  /** What an error means for the caller: where room or memory was short, what to change. */
  explain(error: unknown): unknown {
    const givenUp = GIVEN_UP.exec(messageOf(error))?.[1];
    if (givenUp === 'hot' || givenUp === 'warm') void this.#reopenUntilDone(givenUp);
    return ofShortage(error, this.#options);
  }

  /** A connection of its own, for temporary tables. The caller closes it. */
  connect(): Promise<DuckDBConnection> {
    return this.#instance.connect();
  }

  /**
   * Runs `work` in one transaction that writes to a tier. Writers of a tier take turns: DuckDB would fail the second of two that
   * create, drop or extend one table, and a drop must not come between another's check and insert.
   */
  write<T>(tier: TableTier, connection: DuckDBConnection, work: () => Promise<T>): Promise<T> {
    return this.#inTurn(tier, async () => {
      await connection.run('BEGIN TRANSACTION');
      try {
        const result = await work();
        await connection.run('COMMIT');
        return result;
      } catch (error) {
        await connection.run('ROLLBACK').catch(() => undefined);
        throw this.explain(error);
      } finally {
        this.#periods[tier].settle();
      }
    });
  }

  /**
   * Folds a tier's log into its file, in turn with its writers: rows that were deleted leave the log with it. Forced, because DuckDB refuses it
   * while anything else reads; what does goes on reading.
   */
  checkpointTier(tier: TableTier): Promise<void> {
    return this.#inTurn(tier, () =>
      this.read(async (connection) => void (await connection.run(`FORCE CHECKPOINT ${tier}`))),
    );
  }

  /** Within `write`: makes the tables of these periods where they do not stand. */
  async createTables(connection: DuckDBConnection, tier: TableTier, tables: PeriodTable[]): Promise<void> {
    const standing = new Set((await this.tables(tier)).map(({ name }) => name));
    for (const table of tables) {
      if (standing.has(table.name)) continue;
      this.#periods[tier].change();
      await connection.run(createTableSql(table));
    }
  }

  /** Within `write`. */
  async dropTable(connection: DuckDBConnection, table: PeriodTable): Promise<void> {
    this.#periods[table.tier].change();
    await connection.run(`DROP TABLE ${qualified(table)}`);
  }

  /** Drops every table of both tiers. */
  async dropAll(): Promise<void> {
    for (const tier of ['hot', 'warm'] as const) {
      const tables = await this.tables(tier);
      await this.read((connection) =>
        this.write(tier, connection, async () => {
          for (const table of tables) await this.dropTable(connection, table);
        }),
      );
    }
  }

  /**
   * Those that stand; what a transaction under way makes or drops counts once it is through. Raises `StoreBusy` while the tier's file is not open: it would
   * look as empty as a new one.
   */
  tables(tier: TableTier): Promise<readonly PeriodTable[]> {
    return this.#periods[tier].get(async () => {
      const rows = await this.read((connection) =>
        queryRows<{ table_name: string | null }>(
          connection,
          // One statement, because the file may be opened between two.
          `SELECT t.table_name FROM duckdb_databases() d LEFT JOIN duckdb_tables() t ON t.database_oid = d.database_oid
           WHERE d.database_name = ${literal(tier)} ORDER BY t.table_name`,
        ),
      );
      if (rows.length === 0) throw notOpen(tier);
      return rows.map((row) => parseTable(tier, row.table_name ?? '')).filter((table) => table !== undefined);
    });
  }

  async checkpoint(): Promise<void> {
    for (const tier of ['hot', 'warm'] as const)
      await this.read((connection) => connection.run(`CHECKPOINT ${tier}`));
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) connection.closeSync();
    this.#instance.closeSync();
  }
}
