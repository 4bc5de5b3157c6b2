import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance, type DuckDBConnection, type DuckDBType, type DuckDBValue } from '@duckdb/node-api';
import { AkoshaError, messageOf } from '../../../contract/index.js';
import {
  createTableSql,
  literal,
  parseTable,
  qualified,
  type PeriodTable,
  type TableTier,
} from './tables.js';

export interface TierDatabaseOptions {
  folder: string;
  /** DuckDB's own limit; its default is most of the machine. */
  memoryMb: number;
  /** Where DuckDB spills what does not fit. */
  scratch: string;
}

/**
 * Rows that DuckDB writes anew together at a checkpoint. A period's table grows by a few rows with every ingest, and with DuckDB's own 122,880
 * each checkpoint would write all of a month again; this many are 10 MB, and still fill its vectors of 2,048 whole.
 */
const ROW_GROUP_SIZE = 10_240;

/**
 * The log that a tier may gather before it is folded into its file. A checkpoint costs a second whatever came since the last: at DuckDB's own
 * 16 MB that was most of what an ingest took. To replay this much at the start after a crash takes some seconds.
 */
const LOG_MB = 64;

/** How long the statements that still read a file that is set aside may take, as long as a search may, and between two looks. */
const RELEASE_MS = 30_000;
const RELEASE_LOOK_MS = 50;

/**
 * Hot and warm, both attached to one DuckDB instance. There is one instance per process and file: two on one path open
 * without error and lose rows. Attached to `:memory:` rather than opened, because a file whose writer was killed before its
 * first checkpoint replays its log only that way.
 */
export class TierDatabase {
  readonly #instance: DuckDBInstance;
  readonly #folder: string;
  readonly #locks: Record<TableTier, Promise<unknown>> = { hot: Promise.resolve(), warm: Promise.resolve() };
  readonly #idle: DuckDBConnection[] = [];
  readonly #periods = { hot: new PeriodList(), warm: new PeriodList() };
  readonly #begun = new Map<TableTier, string>();

  private constructor(instance: DuckDBInstance, folder: string) {
    this.#instance = instance;
    this.#folder = folder;
  }

  static async open(options: TierDatabaseOptions): Promise<TierDatabase> {
    await mkdir(options.scratch, { recursive: true });
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${options.memoryMb}MB`,
      temp_directory: options.scratch,
      // Each statement runs in the thread that asks for it, and several at once. With a second one to share their parts the small statements
      // of ingests took twice the CPU, for a scan of 100,000 vectors that is some tens of milliseconds shorter.
      threads: '1',
      checkpoint_threshold: `${LOG_MB}MB`,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const database = new TierDatabase(instance, options.folder);
    // Own times are UTC; the host's zone must not leak into casts.
    await database.read((connection) => connection.run(`SET GLOBAL TimeZone = 'UTC'`));
    // Cold objects never change, so what their footers say is read once. It takes 24 kB an object of the memory above, which
    // DuckDB gives up where a query needs it.
    await database.read((connection) => connection.run('SET GLOBAL parquet_metadata_cache = true'));
    for (const tier of ['hot', 'warm'] as const) await database.#openFile(tier);
    return database;
  }

  /** Tiers whose file was begun anew when this was opened, and why: there was none, or it could not be opened and was set aside. */
  get begun(): ReadonlyMap<TableTier, string> {
    return this.#begun;
  }

  /** A file that cannot be opened must not keep the other tiers from answering; what it held comes back from object storage. */
  async #openFile(tier: TableTier): Promise<void> {
    if (!existsSync(this.file(tier))) this.#begun.set(tier, 'there was no file');
    try {
      await this.#attach(tier);
    } catch (error) {
      const aside = await this.#moveAside(tier);
      this.#begun.set(tier, `its file could not be opened (${messageOf(error)}) and is now ${aside}`);
      await this.#attach(tier);
    }
  }

  async #attach(tier: TableTier): Promise<void> {
    const file = this.file(tier);
    try {
      await this.read((connection) =>
        connection.run(`ATTACH ${literal(file)} AS ${tier} (ROW_GROUP_SIZE ${ROW_GROUP_SIZE})`),
      );
    } catch (error) {
      throw new AkoshaError('StoreDamaged', `${file} cannot be opened: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Its log goes with it: it is of no use to another file, and DuckDB would replay it into one. Kept for whoever wants to know what happened. */
  async #moveAside(tier: TableTier): Promise<string> {
    const file = this.file(tier);
    const aside = `${file}.damaged-${Date.now()}`;
    for (const suffix of ['', '.wal', '.wal.checkpoint', '.wal.recovery']) {
      if (existsSync(file + suffix)) await rename(file + suffix, aside + suffix);
    }
    return aside;
  }

  /**
   * Takes a tier's file out of use and begins a new one; returns where the old one is. Statements that are reading the old one end first,
   * for DuckDB keeps a file until nobody has it.
   */
  setAside(tier: TableTier): Promise<string> {
    const turn = this.#locks[tier].then(async () => {
      for (const connection of this.#idle.splice(0)) connection.closeSync();
      await this.read((connection) => connection.run(`DETACH ${tier}`));
      const aside = await this.#moveAside(tier);
      this.#periods[tier].change();
      try {
        await this.#attachOnceReleased(tier);
      } finally {
        this.#periods[tier].settle();
      }
      return aside;
    });
    this.#locks[tier] = turn.catch(() => undefined);
    return turn;
  }

  async #attachOnceReleased(tier: TableTier): Promise<void> {
    for (let waited = 0; ; waited += RELEASE_LOOK_MS) {
      try {
        await this.#attach(tier);
        return;
      } catch (error) {
        if (waited >= RELEASE_MS) throw error;
        await sleep(RELEASE_LOOK_MS);
      }
    }
  }

  file(tier: TableTier): string {
    return path.join(this.#folder, `${tier}.duckdb`);
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
      throw error;
    }
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
    const turn = this.#locks[tier].then(async () => {
      await connection.run('BEGIN TRANSACTION');
      try {
        const result = await work();
        await connection.run('COMMIT');
        return result;
      } catch (error) {
        await connection.run('ROLLBACK').catch(() => undefined);
        throw error;
      } finally {
        this.#periods[tier].settle();
      }
    });
    this.#locks[tier] = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Folds a tier's log into its file, in turn with its writers: rows that were deleted leave the log with it. Forced, because DuckDB refuses it
   * while anything else reads; what does goes on reading.
   */
  checkpointTier(tier: TableTier): Promise<void> {
    const turn = this.#locks[tier].then(() =>
      this.read(async (connection) => void (await connection.run(`FORCE CHECKPOINT ${tier}`))),
    );
    this.#locks[tier] = turn.catch(() => undefined);
    return turn;
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

  /** Those that stand; what a transaction under way makes or drops counts once it is through. */
  tables(tier: TableTier): Promise<readonly PeriodTable[]> {
    return this.#periods[tier].get(async () => {
      const rows = await this.read((connection) =>
        queryRows<{ table_name: string }>(
          connection,
          `SELECT table_name FROM duckdb_tables() WHERE database_name = ${literal(tier)} ORDER BY table_name`,
        ),
      );
      return rows.map((row) => parseTable(tier, row.table_name)).filter((table) => table !== undefined);
    });
  }

  async checkpoint(): Promise<void> {
    for (const tier of ['hot', 'warm'] as const)
      await this.read((connection) => connection.run(`CHECKPOINT ${tier}`));
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.closeSync();
    this.#instance.closeSync();
  }
}

/** A tier's tables as they were read last. They change once a day, and every search and every ingest asks for them. */
class PeriodList {
  #known: readonly PeriodTable[] | undefined;
  #generation = 0;
  #isChanging = false;

  change(): void {
    this.#isChanging = true;
  }

  /** The transaction that may have changed them is through, one way or the other. */
  settle(): void {
    if (!this.#isChanging) return;
    this.#isChanging = false;
    this.#generation += 1;
    this.#known = undefined;
  }

  async get(read: () => Promise<PeriodTable[]>): Promise<readonly PeriodTable[]> {
    if (this.#known !== undefined) return this.#known;
    const generation = this.#generation;
    const tables = await read();
    // What was read before a change is no answer after it.
    if (generation === this.#generation) this.#known = tables;
    return tables;
  }
}

/** The rows of a query as plain objects. The row type is the caller's reading of its own SQL. */
export async function queryRows<Row>(
  connection: DuckDBConnection,
  sql: string,
  values?: Record<string, DuckDBValue>,
  types?: Record<string, DuckDBType>,
): Promise<Row[]> {
  const reader = await connection.runAndReadAll(sql, values, types);
  return reader.getRowObjectsJS() as Row[];
}

/** The first column of the first row, as a number. */
export async function queryNumber(connection: DuckDBConnection, sql: string): Promise<number> {
  const [row] = await queryRows<Record<string, unknown>>(connection, sql);
  return row === undefined ? 0 : Number(Object.values(row)[0]);
}

/** Fails where a store's file and its placements cannot both be right. */
export function requireRows(expected: number, found: number, what: string): void {
  if (expected !== found)
    throw new AkoshaError('VerifyFailed', `${what}: ${found} of ${expected} rows are as they should be`);
}
