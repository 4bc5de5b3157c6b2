import type { FaultyRow } from '../catalog/held.js';
import type { MovingRow } from '../catalog/moves.js';
import { nameBatch } from './batch-table.js';
import { writeColdSql } from './cold-file.js';
import { OperationConnection } from './operation-connection.js';
import {
  COMMON_COLUMNS,
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
import type { TierDatabase } from './tier-database.js';

/** Most that rounding may cost a component, in steps of its scale; half a step, and something for the float. */
const MAX_ROUNDING = 0.51;

/** Columns that a row has in every tier, and keeps as it moves. */
export const SHARED = COMMON_COLUMNS.filter(
  (column) => column !== 'row_id' && column !== 'op_id' && column !== 'ord',
);

export interface MoveInput {
  from: TableTier;
  opId: number;
  rows: readonly MovingRow[];
  /** The operation's. */
  signal: AbortSignal;
}

/** The rows of one move, and the temporary tables that name them, on a connection of their own. */
export class MoveStaging {
  readonly #connection: OperationConnection;
  readonly #rows: readonly MovingRow[];
  readonly #faulty: FaultyRow[] = [];

  private constructor(connection: OperationConnection, rows: readonly MovingRow[]) {
    this.#connection = connection;
    this.#rows = rows;
  }

  /** Collects the rows of a batch from `from`, under their new row ids and with their placements' order. */
  static async load(tiers: TierDatabase, { from, opId, rows, signal }: MoveInput): Promise<MoveStaging> {
    const connection = await OperationConnection.open(tiers, signal);
    const staging = new MoveStaging(connection, rows);
    try {
      await staging.#collect(tiers, from, opId);
    } catch (error) {
      connection.close();
      throw error;
    }
    return staging;
  }

  /** Rows that cannot be moved, as far as the steps have shown yet. */
  get faulty(): readonly FaultyRow[] {
    return this.#faulty;
  }

  /** Rows that stand where their placements say. */
  get found(): number {
    return this.#rows.length - this.#faulty.filter(({ reason }) => reason === 'row_missing').length;
  }

  async #collect(tiers: TierDatabase, from: TableTier, opId: number): Promise<void> {
    await nameBatch(this.#connection, this.#rows);
    const vector = VECTOR_COLUMNS[from].join(', ');
    const standing = new Set((await tiers.tables(from)).map(({ name }) => name));
    const tables = periods(from, this.#rows).filter(({ name }) => standing.has(name));
    if (tables.length === 0) return this.#fault('row_missing', 'SELECT new_row_id FROM batch');
    // One after the other: a statement over all of them would hold a page of every column of each in memory at once.
    for (const [i, table] of tables.entries()) {
      const into = i === 0 ? 'CREATE TEMP TABLE moving AS' : 'INSERT INTO moving';
      await this.#connection.run(
        `${into} SELECT b.new_row_id AS row_id, ${opId}::BIGINT AS op_id, b.ord, ${SHARED.join(', ')}, ${vector}
         FROM ${qualified(table)} t JOIN batch b ON b.row_id = t.row_id`,
      );
    }
    await this.#fault(
      'row_missing',
      'SELECT new_row_id FROM batch WHERE new_row_id NOT IN (SELECT row_id FROM moving)',
    );
  }

  /** Notes the rows whose new ids a query answers. */
  async #fault(reason: FaultyRow['reason'], sql: string): Promise<void> {
    const rows = await this.#connection.rows<{ id: bigint }>(`SELECT * FROM (${sql}) AS faulty(id)`);
    this.#faulty.push(...rows.map(({ id }) => ({ newRowId: Number(id), reason })));
  }

  /** Hot to warm, step 2: inserts the copies. */
  async insertWarm(): Promise<void> {
    if (this.found === 0) return;
    await this.#connection.write('warm', async () => {
      const tables = periods('warm', this.#rows);
      await this.#connection.createTables('warm', tables);
      for (const table of tables) {
        await this.#connection.run(
          `INSERT INTO ${qualified(table)} ${quantisedSql(within('moving', table))}`,
        );
      }
    });
  }

  /** Reads the copies back, and compares every column with the source, the vectors component by component. */
  async verifyWarm(): Promise<void> {
    if (this.found === 0) return;
    const same = SHARED.map((column) => `c.${column} IS NOT DISTINCT FROM m.${column}`).join(' AND ');
    // In DOUBLE: a foreign vector may hold components whose scale times 127 no FLOAT can. One that is null counts as farthest off;
    // and NaN, which is in no foreign vector but may be on a damaged disk, is to DuckDB the greatest number.
    const rounding = `list_max(list_transform(list_zip(CAST(m.embedding AS DOUBLE[]), CAST(c.vector AS DOUBLE[])),
      lambda pair: coalesce(abs(pair[1] - pair[2] * CAST(c.scale AS DOUBLE)), 'infinity'::DOUBLE)))`;
    const angle = `(m.embedding IS NULL AND c.vector IS NULL
      OR isfinite(c.scale) AND ${rounding} <= ${MAX_ROUNDING} * c.scale)`;
    await this.#connection.run('CREATE TEMP TABLE equal (row_id BIGINT)');
    for (const table of periods('warm', this.#rows)) {
      await this.#connection.run(
        `INSERT INTO equal SELECT m.row_id FROM moving m
         JOIN ${qualified(table)} c ON c.row_id = m.row_id AND c.op_id = m.op_id WHERE ${same} AND ${angle}`,
      );
    }
    await this.#faultUnequal('SELECT row_id FROM equal');
  }

  /** Warm to cold, step 2: the object's file. */
  async exportCold(path: string): Promise<void> {
    await this.#connection.run(
      writeColdSql(`SELECT ${COMMON_COLUMNS.join(', ')}, ${signsSql('vector')} AS signs FROM moving`, path),
    );
  }

  /** Step 3: compares the rows of the object that was read back with their sources. */
  async verifyCold(path: string): Promise<void> {
    const same = ['op_id', 'ord', ...SHARED].map((column) => `c.${column} IS NOT DISTINCT FROM m.${column}`);
    await this.#faultUnequal(
      `SELECT m.row_id FROM moving m JOIN read_parquet(${literal(path)}, hive_partitioning = false) c ON c.row_id = m.row_id
       WHERE ${same.join(' AND ')} AND c.signs IS NOT DISTINCT FROM ${signsSql('m.vector')}`,
    );
  }

  #faultUnequal(equal: string): Promise<void> {
    return this.#fault('copy_differs', `SELECT row_id FROM moving WHERE row_id NOT IN (${equal})`);
  }

  close(): void {
    this.#connection.close();
  }
}

/** The tables in which rows of these own times stand, or will. */
export function periods(tier: TableTier, rows: readonly MovingRow[]): PeriodTable[] {
  return [
    ...new Map(rows.map((row) => tableFor(tier, row.ownTime)).map((table) => [table.name, table])).values(),
  ];
}

/** Of a source with own times what belongs in a table. */
export function within(source: string, table: PeriodTable): string {
  return `(SELECT * FROM ${source} WHERE own_time >= ${timestampSql(table.from)} AND own_time < ${timestampSql(table.until)})`;
}
