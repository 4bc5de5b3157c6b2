import type { DuckDBConnection } from '@duckdb/node-api';
import type { MovingRow } from '../catalog/moves.js';
import {
  COMMON_COLUMNS,
  createTableSql,
  literal,
  qualified,
  quantisedSql,
  signsSql,
  tableFor,
  timestampSql,
  VECTOR_COLUMNS,
  type PeriodTable,
  type TableTier,
} from './tables.js';
import { queryNumber, requireRows, type TierDatabase } from './tier-database.js';

/** Most that rounding may cost a component, in steps of its scale; half a step, and something for the float. */
const MAX_ROUNDING = 0.51;

const SHARED = COMMON_COLUMNS.filter(
  (column) => column !== 'row_id' && column !== 'op_id' && column !== 'ord',
);

/** The rows of one move, and the temporary tables that name them, on a connection of their own. */
export class MoveStaging {
  readonly #tiers: TierDatabase;
  readonly #connection: DuckDBConnection;
  readonly #rows: readonly MovingRow[];

  private constructor(tiers: TierDatabase, connection: DuckDBConnection, rows: readonly MovingRow[]) {
    this.#tiers = tiers;
    this.#connection = connection;
    this.#rows = rows;
  }

  /** Collects the rows of a batch from `from`, under their new row ids and with their placements' order. */
  static async load(
    tiers: TierDatabase,
    from: TableTier,
    opId: number,
    rows: readonly MovingRow[],
  ): Promise<MoveStaging> {
    const connection = await tiers.connect();
    const staging = new MoveStaging(tiers, connection, rows);
    try {
      await staging.#collect(from, opId);
    } catch (error) {
      connection.closeSync();
      throw error;
    }
    return staging;
  }

  async #collect(from: TableTier, opId: number): Promise<void> {
    await this.#connection.run('CREATE TEMP TABLE batch (row_id BIGINT, new_row_id BIGINT, ord BIGINT)');
    const appender = await this.#connection.createAppender('batch', 'main', 'temp');
    for (const row of this.#rows) {
      for (const value of [row.rowId, row.newRowId, row.ord]) appender.appendBigInt(BigInt(value));
      appender.endRow();
    }
    appender.closeSync();
    const vector = VECTOR_COLUMNS[from].join(', ');
    const sources = periods(from, this.#rows).map(
      (
        table,
      ) => `SELECT b.new_row_id AS row_id, ${opId}::BIGINT AS op_id, b.ord, ${SHARED.join(', ')}, ${vector}
        FROM ${qualified(table)} t JOIN batch b ON b.row_id = t.row_id`,
    );
    await this.#connection.run(`CREATE TEMP TABLE moving AS ${sources.join(' UNION ALL ')}`);
    const found = await queryNumber(this.#connection, 'SELECT count(*) FROM moving');
    requireRows(this.#rows.length, found, `rows that placements name in ${from}`);
  }

  /** Hot to warm, step 2: inserts the copies. */
  async insertWarm(): Promise<void> {
    await this.#tiers.write('warm', this.#connection, async () => {
      for (const table of periods('warm', this.#rows)) {
        await this.#connection.run(createTableSql(table));
        await this.#connection.run(
          `INSERT INTO ${qualified(table)} ${quantisedSql(within('moving', table))}`,
        );
      }
    });
  }

  /** Reads the copies back, and compares every column with the source, the vectors component by component. */
  async verifyWarm(): Promise<void> {
    const same = SHARED.map((column) => `c.${column} IS NOT DISTINCT FROM m.${column}`).join(' AND ');
    // In DOUBLE: a foreign vector may hold components whose squares, or whose scale times 127, no FLOAT can.
    const rounding = `list_max(list_transform(list_zip(CAST(m.embedding AS DOUBLE[]), CAST(c.vector AS DOUBLE[])),
      lambda pair: abs(pair[1] - pair[2] * CAST(c.scale AS DOUBLE))))`;
    const angle = `(m.embedding IS NULL AND c.vector IS NULL OR ${rounding} <= ${MAX_ROUNDING} * c.scale)`;
    let equal = 0;
    for (const table of periods('warm', this.#rows)) {
      equal += await queryNumber(
        this.#connection,
        `SELECT count(*) FROM moving m JOIN ${qualified(table)} c ON c.row_id = m.row_id AND c.op_id = m.op_id
         WHERE ${same} AND ${angle}`,
      );
    }
    requireRows(this.#rows.length, equal, 'copies in warm');
  }

  /** Warm to cold, step 2: the object's file, in order of time so that its statistics are of use. */
  async exportCold(path: string): Promise<void> {
    await this.#connection.run(
      `COPY (SELECT ${COMMON_COLUMNS.join(', ')}, ${signsSql('vector')} AS signs FROM moving ORDER BY own_time, row_id)
       TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  }

  /** Step 3: compares the rows of the object that was read back with their sources. */
  async verifyCold(path: string): Promise<void> {
    const same = ['op_id', 'ord', ...SHARED].map((column) => `c.${column} IS NOT DISTINCT FROM m.${column}`);
    const equal = await queryNumber(
      this.#connection,
      `SELECT count(*) FROM moving m JOIN read_parquet(${literal(path)}, hive_partitioning = false) c ON c.row_id = m.row_id
       WHERE ${same.join(' AND ')} AND c.signs IS NOT DISTINCT FROM ${signsSql('m.vector')}`,
    );
    requireRows(this.#rows.length, equal, 'rows of the cold object');
  }

  close(): void {
    this.#connection.closeSync();
  }
}

function periods(tier: TableTier, rows: readonly MovingRow[]): PeriodTable[] {
  return [
    ...new Map(rows.map((row) => tableFor(tier, row.ownTime)).map((table) => [table.name, table])).values(),
  ];
}

function within(source: string, table: PeriodTable): string {
  return `(SELECT * FROM ${source} WHERE own_time >= ${timestampSql(table.from)} AND own_time < ${timestampSql(table.until)})`;
}
