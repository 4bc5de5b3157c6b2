import { AkoshaError, TABLE_TIERS } from '../../../contract/index.js';
import type { ForgottenKey, ScopeRow } from '../catalog/forget.js';
import { OperationConnection } from './operation-connection.js';
import { createTableSql, literal, qualified, type PeriodTable, type TableTier } from './tables.js';
import type { TierDatabase } from './tier-database.js';

/** As for a journal that an ingest writes; see there. */
const JOURNAL_FORMAT = 'FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 8192';
const COLD_FORMAT = 'FORMAT parquet, COMPRESSION zstd';

/** The rows of one scope, by what each row says of itself and, where the scope is a project, by the memories that were removed with it. */
export class ScopeRows {
  readonly #tiers: TierDatabase;
  readonly #connection: OperationConnection;
  readonly #scope: ScopeRow;

  private constructor(tiers: TierDatabase, connection: OperationConnection, scope: ScopeRow) {
    this.#tiers = tiers;
    this.#connection = connection;
    this.#scope = scope;
  }

  /** The caller closes it. */
  static async load(
    tiers: TierDatabase,
    scope: ScopeRow,
    keys: AsyncIterable<readonly ForgottenKey[]>,
    signal: AbortSignal,
  ): Promise<ScopeRows> {
    const connection = await OperationConnection.open(tiers, signal);
    try {
      await connection.run(
        'CREATE TEMP TABLE forgotten (system_id VARCHAR, kind VARCHAR, memory_id VARCHAR, before_op BIGINT)',
      );
      const appender = await connection.appendTo('forgotten');
      for await (const part of keys) {
        for (const { system, kind, memoryId, beforeOp } of part) {
          for (const text of [system, kind, memoryId]) appender.appendVarchar(text);
          appender.appendBigInt(BigInt(beforeOp));
          appender.endRow();
        }
      }
      appender.closeSync();
    } catch (error) {
      connection.close();
      throw error;
    }
    return new ScopeRows(tiers, connection, scope);
  }

  /** Whether row `r` is of the scope: never null, so that its opposite is the rest. */
  get #inScope(): string {
    const { scope, system, project, kind, memoryId } = this.#scope;
    const ofSystem = system === '' ? 'true' : `system_id = ${literal(system)}`;
    switch (scope) {
      case 'system':
        return `(${ofSystem})`;
      case 'memory':
        return `(${ofSystem} AND kind = ${literal(kind)} AND memory_id = ${literal(memoryId)})`;
      case 'project':
        return `(${ofSystem} AND (project IS NOT DISTINCT FROM ${literal(project)}
          OR EXISTS (SELECT 1 FROM forgotten f WHERE f.system_id = r.system_id AND f.kind = r.kind AND f.memory_id = r.memory_id
            AND r.op_id < f.before_op)))`;
    }
  }

  /** In hot and warm, older versions and what no placement names included. */
  async count(): Promise<number> {
    let rows = 0;
    for (const tier of TABLE_TIERS)
      for (const table of await this.#tiers.tables(tier)) rows += await this.#countIn(qualified(table));
    return rows;
  }

  /**
   * A table that has such rows is written anew without them: DuckDB keeps the bytes of deleted rows of a keyed table for as long as the table
   * stands. So is one with rows that a sweep deleted, for nothing tells any more whose they were. It costs a month's rows at most, during
   * which the tier's other writers wait, and once for all rows that were deleted by then.
   */
  async erase(): Promise<number> {
    let erased = 0;
    for (const tier of TABLE_TIERS) {
      for (const table of await this.#tiers.tables(tier)) {
        const { inScope, deleted } = await this.#holds(table);
        if (inScope + deleted > 0) erased += await this.#eraseFrom(tier, table);
      }
      // What was deleted, by whomever, is in the tier's log otherwise, until somebody folds it.
      await this.#tiers.checkpointTier(tier);
    }
    return erased;
  }

  /** Of a table the rows in scope, and how many it keeps the bytes of though they were deleted. */
  async #holds(table: PeriodTable): Promise<{ inScope: number; deleted: number }> {
    const inScope = await this.#countIn(qualified(table));
    // Named an estimate, it is the exact number of rows that the table's row groups have, the deleted ones included.
    const deleted = await this.#number(
      `SELECT estimated_size - (SELECT count(*) FROM ${qualified(table)}) AS n FROM duckdb_tables()
       WHERE database_name = ${literal(table.tier)} AND table_name = ${literal(table.name)}`,
    );
    return { inScope, deleted };
  }

  /** Returns how many rows in scope there were. */
  #eraseFrom(tier: TableTier, table: PeriodTable): Promise<number> {
    return this.#connection.write(tier, async () => {
      const standing = (await this.#tiers.tables(tier)).some(({ name }) => name === table.name);
      if (!standing) return 0;
      const { inScope, deleted } = await this.#holds(table);
      if (inScope + deleted === 0) return 0;
      const rest = { ...table, name: `rest_of_${table.name}` };
      await this.#connection.run(createTableSql(rest));
      const kept = await this.#connection.run(
        `INSERT INTO ${qualified(rest)} SELECT * FROM ${qualified(table)} r WHERE NOT ${this.#inScope}`,
      );
      await this.#connection.dropTable(table);
      await this.#connection.run(
        kept === 0
          ? `DROP TABLE ${qualified(rest)}`
          : `ALTER TABLE ${qualified(rest)} RENAME TO ${table.name}`,
      );
      return inScope;
    });
  }

  async countIn(file: string): Promise<{ inScope: number; others: number }> {
    const all = await this.#number(`SELECT count(*) AS n FROM ${parquet(file)}`);
    const inScope = await this.#countIn(parquet(file));
    return { inScope, others: all - inScope };
  }

  /** In the order and with the columns that they have. */
  async exportOthers(file: string, to: string, kind: 'journal' | 'cold'): Promise<void> {
    await this.#connection.run(
      `COPY (SELECT * FROM ${parquet(file)} r WHERE NOT ${this.#inScope})
       TO ${literal(to)} (${kind === 'journal' ? JOURNAL_FORMAT : COLD_FORMAT})`,
    );
  }

  async verifyOthers(source: string, file: string): Promise<void> {
    const others = `SELECT * FROM ${parquet(source)} r WHERE NOT ${this.#inScope}`;
    const found = `SELECT * FROM ${parquet(file)}`;
    const differing = await this.#number(
      `SELECT (SELECT count(*) FROM (${others} EXCEPT ALL ${found}))
            + (SELECT count(*) FROM (${found} EXCEPT ALL ${others})) AS n`,
    );
    if (differing === 0) return;
    throw new AkoshaError('VerifyFailed', `${differing} rows of an object that was written anew differ`);
  }

  close(): void {
    this.#connection.close();
  }

  #countIn(source: string): Promise<number> {
    return this.#number(`SELECT count(*) AS n FROM ${source} r WHERE ${this.#inScope}`);
  }

  async #number(sql: string): Promise<number> {
    const [row] = await this.#connection.rows<{ n: bigint }>(sql);
    return Number(row?.n ?? 0);
  }
}

function parquet(file: string): string {
  return `read_parquet(${literal(file)}, hive_partitioning = false)`;
}
