import type { FaultyRow } from '../catalog/held.js';
import type { MovingRow } from '../catalog/moves.js';
import { nameBatch } from './batch-table.js';
import { writeColdSql } from './cold-file.js';
import { COMPARED, sameVectors } from './compare-vectors.js';
import { OperationConnection } from './operation-connection.js';
import {
  COMMON_COLUMNS,
  literal,
  PEAK_SQL,
  qualified,
  quantisedByPeakSql,
  signsSql,
  tableFor,
  timestampSql,
  type PeriodTable,
  type TableTier,
} from './tables.js';
import type { TierDatabase } from './tier-database.js';

/** What a batch takes along of a row's vector: to warm all of it, with what it will be divided by; to cold its signs. */
const VECTORS = {
  hot: `embedding, ${PEAK_SQL} AS peak`,
  warm: `${signsSql('vector')} AS signs`,
} as const satisfies Record<TableTier, string>;

/** Rows whose two vectors are compared together: 20 MB. */
const COMPARED_ROWS = 10_240;

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
    const standing = new Set((await tiers.tables(from)).map(({ name }) => name));
    const tables = periods(from, this.#rows).filter(({ name }) => standing.has(name));
    if (tables.length === 0) return this.#fault('row_missing', 'SELECT new_row_id FROM batch');
    const span = spanSql(this.#rows);
    // One after the other: a statement over all of them would hold a page of every column of each in memory at once.
    for (const [i, table] of tables.entries()) {
      const into = i === 0 ? 'CREATE TEMP TABLE moving AS' : 'INSERT INTO moving';
      await this.#connection.run(
        `${into} SELECT b.new_row_id AS row_id, ${opId}::BIGINT AS op_id, b.ord, ${SHARED.join(', ')}, ${VECTORS[from]}
         FROM ${qualified(table)} t JOIN batch b ON b.row_id = t.row_id WHERE ${span}`,
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
          `INSERT INTO ${qualified(table)} ${quantisedByPeakSql(within('moving', table))}`,
        );
      }
    });
  }

  /** Reads the copies back, and compares every column with the source, the vectors component by component. */
  async verifyWarm(): Promise<void> {
    if (this.found === 0) return;
    const same = new Set<number>();
    for (let i = 0; i < this.#rows.length; i += COMPARED_ROWS)
      for await (const id of this.#sameInWarm(this.#rows.slice(i, i + COMPARED_ROWS))) same.add(id);
    const faulty = new Set(this.#faulty.map(({ newRowId }) => newRowId));
    for (const { newRowId } of this.#rows)
      if (!same.has(newRowId) && !faulty.has(newRowId))
        this.#faulty.push({ newRowId, reason: 'copy_differs' });
  }

  /** Of some rows, in the order of their new ids. */
  async *#sameInWarm(rows: readonly MovingRow[]): AsyncGenerator<number> {
    const ids = `m.row_id BETWEEN ${rows[0]?.newRowId} AND ${rows.at(-1)?.newRowId}`;
    const same = SHARED.map((column) => `c.${column} IS NOT DISTINCT FROM m.${column}`).join(' AND ');
    const columns = {
      row_id: 'm.row_id',
      embedding: 'm.embedding',
      vector: 'c.vector',
      scale: 'c.scale',
      without: 'm.embedding IS NULL AND c.vector IS NULL',
    } as const satisfies Record<(typeof COMPARED)[number], string>;
    for (const table of periods('warm', rows)) {
      const parts = this.#connection.chunks(
        `SELECT ${COMPARED.map((name) => columns[name]).join(', ')} FROM moving m
         JOIN ${qualified(table)} c ON c.row_id = m.row_id AND c.op_id = m.op_id
         WHERE ${ids} AND ${same} AND (m.embedding IS NULL AND c.vector IS NULL OR c.scale IS NOT NULL)`,
      );
      for await (const part of parts) yield* sameVectors(part);
    }
  }

  /** Warm to cold, step 2: the object's file. */
  async exportCold(path: string): Promise<void> {
    await this.#connection.run(writeColdSql(`SELECT ${COMMON_COLUMNS.join(', ')}, signs FROM moving`, path));
  }

  /** Step 3: compares the rows of the object that was read back with their sources. */
  async verifyCold(path: string): Promise<void> {
    const same = ['op_id', 'ord', ...SHARED, 'signs'].map(
      (column) => `c.${column} IS NOT DISTINCT FROM m.${column}`,
    );
    const equal = `SELECT m.row_id FROM moving m JOIN read_parquet(${literal(path)}, hive_partitioning = false) c
      ON c.row_id = m.row_id WHERE ${same.join(' AND ')}`;
    await this.#fault('copy_differs', `SELECT row_id FROM moving WHERE row_id NOT IN (${equal})`);
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

/** A batch is of the oldest rows: of a table `t` only what lies in their time has to be read. Tables know own times to the microsecond. */
function spanSql(rows: readonly MovingRow[]): string {
  let [from, until] = [Infinity, -Infinity];
  for (const { ownTime } of rows) [from, until] = [Math.min(from, ownTime), Math.max(until, ownTime)];
  return `t.own_time >= ${timestampSql(from - 1)} AND t.own_time < ${timestampSql(until + 2)}`;
}

/** Of a source with own times what belongs in a table. */
export function within(source: string, table: PeriodTable): string {
  return `(SELECT * FROM ${source} WHERE own_time >= ${timestampSql(table.from)} AND own_time < ${timestampSql(table.until)})`;
}
