import { setImmediate } from 'node:timers/promises';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { FaultyRow } from '../catalog/held.js';
import type { MovingRow } from '../catalog/moves.js';
import { nameBatch } from './batch-table.js';
import { QUANTISED, SIGNS, signsOf, SourceVectors, VectorPart, type Slice } from './batch-vectors.js';
import { writeColdSql } from './cold-file.js';
import { COMPARED, sameVectors } from './compare-vectors.js';
import { OperationConnection } from './operation-connection.js';
import {
  COMMON_COLUMNS,
  literal,
  qualified,
  tableFor,
  timestampSql,
  VECTOR_COLUMNS,
  type PeriodTable,
  type TableTier,
} from './tables.js';
import type { TierDatabase } from './tier-database.js';

/** Rows of warm whose vectors are read back together: 4 MB. */
const COMPARED_ROWS = 10_240;

/** Rows whose vectors are converted before others get their turn on this thread: two milliseconds. */
const CONVERTED_ROWS = 256;

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
  readonly #input: MoveInput;
  readonly #faulty: FaultyRow[] = [];
  /** Of hot, once they were read. */
  readonly #vectors = new SourceVectors();
  #sources: PeriodTable[] = [];

  private constructor(connection: OperationConnection, input: MoveInput) {
    this.#connection = connection;
    this.#input = input;
  }

  /** Finds the rows of a batch in `from`; of warm it collects what cold takes along, under their new row ids and with their placements' order. */
  static async load(tiers: TierDatabase, input: MoveInput): Promise<MoveStaging> {
    const connection = await OperationConnection.open(tiers, input.signal);
    const staging = new MoveStaging(connection, input);
    try {
      await staging.#find(tiers);
      if (input.from === 'warm' && staging.found > 0) await staging.#collect();
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
    return this.#input.rows.length - this.#faulty.filter(({ reason }) => reason === 'row_missing').length;
  }

  async #find(tiers: TierDatabase): Promise<void> {
    const { from, rows } = this.#input;
    await nameBatch(this.#connection, rows);
    const standing = new Set((await tiers.tables(from)).map(({ name }) => name));
    this.#sources = periods(from, rows).filter(({ name }) => standing.has(name));
    const ids = this.#sources.map((table) => `SELECT b.new_row_id FROM ${this.#rowsOf(table)}`);
    const missing = ids.length === 0 ? '' : `WHERE new_row_id NOT IN (${ids.join(' UNION ALL ')})`;
    await this.#fault('row_missing', `SELECT new_row_id FROM batch ${missing}`);
  }

  /** The rows `t` of a table that are in the batch `b`. It is of the oldest rows: only what lies in their time has to be read. */
  #rowsOf(table: PeriodTable, more = ''): string {
    return `${qualified(table)} t JOIN batch b ON b.row_id = t.row_id ${more} WHERE ${spanSql(this.#input.rows)}`;
  }

  /** What cold takes along, with the signs of its vectors. */
  async #collect(): Promise<void> {
    await this.#convertVectors('signs', SIGNS, signsOf);
    const columns = SHARED.map((column) => `t.${column}`);
    // One table after the other: a statement over all of them would hold a page of every column of each in memory at once.
    for (const [i, table] of this.#sources.entries()) {
      const into = i === 0 ? 'CREATE TEMP TABLE moving AS' : 'INSERT INTO moving';
      await this.#connection.run(
        `${into} SELECT b.new_row_id AS row_id, ${this.#input.opId}::BIGINT AS op_id, b.ord, ${columns.join(', ')}, s.signs
         FROM ${this.#rowsOf(table, 'LEFT JOIN signs s ON s.row_id = b.new_row_id')}`,
      );
    }
  }

  /** Reads the vectors of the batch part by part, and keeps what becomes of them in a temporary table. */
  async #convertVectors(
    table: string,
    columns: string,
    convert: (part: VectorPart, slice: Slice) => DuckDBDataChunk,
  ): Promise<void> {
    await this.#connection.run(`CREATE TEMP TABLE ${table} ${columns}`);
    const appender = await this.#connection.appendTo(table);
    const [vector, bytes] =
      this.#input.from === 'hot' ? (['embedding', 4] as const) : (['vector', 1] as const);
    try {
      for (const source of this.#sources) {
        const sql = `SELECT ${VectorPart.columns(vector)} FROM ${this.#rowsOf(source)}`;
        for await (const chunk of this.#connection.chunks(sql)) {
          const part = new VectorPart(chunk, bytes);
          for (let from = 0; from < part.rowCount; from += CONVERTED_ROWS) {
            appender.appendDataChunk(
              convert(part, { from, until: Math.min(from + CONVERTED_ROWS, part.rowCount) }),
            );
            appender.flushSync();
            await setImmediate();
          }
        }
      }
    } finally {
      appender.closeSync();
    }
  }

  /** Notes the rows whose new ids a query answers. */
  async #fault(reason: FaultyRow['reason'], sql: string): Promise<void> {
    const rows = await this.#connection.rows<{ id: bigint }>(`SELECT * FROM (${sql}) AS faulty(id)`);
    this.#faulty.push(...rows.map(({ id }) => ({ newRowId: Number(id), reason })));
  }

  /** Hot to warm, step 2: inserts the copies. The vectors are made before it is this writer's turn. */
  async insertWarm(): Promise<void> {
    if (this.found === 0) return;
    await this.#convertVectors('quantised', QUANTISED, (...rows) => this.#vectors.quantise(...rows));
    const columns = SHARED.map((column) => `t.${column}`);
    await this.#connection.write('warm', async () => {
      await this.#connection.createTables('warm', periods('warm', this.#input.rows));
      for (const table of this.#sources) {
        await this.#connection.run(
          `INSERT INTO ${qualified(warmOf(table))} (row_id, op_id, ord, ${[...SHARED, ...VECTOR_COLUMNS.warm].join(', ')})
           SELECT b.new_row_id, ${this.#input.opId}, b.ord, ${columns.join(', ')}, q.vector, q.scale
           FROM ${this.#rowsOf(table, 'LEFT JOIN quantised q ON q.row_id = b.new_row_id')}`,
        );
      }
    });
  }

  /** Reads the copies back, and compares every column with the source, the vectors component by component. */
  async verifyWarm(): Promise<void> {
    if (this.found === 0) return;
    const { rows } = this.#input;
    const [columns, vectors] = [await this.#sameColumns(), await this.#sameVectors()];
    const faulty = new Set(this.#faulty.map(({ newRowId }) => newRowId));
    for (const { newRowId } of rows)
      if (!faulty.has(newRowId) && !(columns.has(newRowId) && vectors.has(newRowId)))
        this.#faulty.push({ newRowId, reason: 'copy_differs' });
  }

  async #sameColumns(): Promise<Set<number>> {
    const same = SHARED.map((column) => `c.${column} IS NOT DISTINCT FROM t.${column}`).join(' AND ');
    const found = new Set<number>();
    for (const table of this.#sources) {
      const copy = `JOIN ${qualified(warmOf(table))} c ON c.row_id = b.new_row_id AND c.ord = b.ord`;
      const parts = this.#connection.chunks(
        `SELECT b.new_row_id FROM ${this.#rowsOf(table, copy)} AND ${this.#copies('c', this.#input.rows)} AND ${same}`,
      );
      for await (const part of parts) for (const id of part.getColumnValues(0)) found.add(Number(id));
    }
    return found;
  }

  async #sameVectors(): Promise<Set<number>> {
    const { rows } = this.#input;
    const found = new Set<number>();
    for (let i = 0; i < rows.length; i += COMPARED_ROWS) {
      const some = rows.slice(i, i + COMPARED_ROWS);
      for (const table of periods('warm', some)) {
        const parts = this.#connection.chunks(
          `SELECT ${COMPARED} FROM ${qualified(table)} c WHERE ${this.#copies('c', some)}`,
        );
        for await (const part of parts) for (const id of sameVectors(part, this.#vectors)) found.add(id);
      }
    }
    return found;
  }

  /** Of a table of warm what this operation inserted: new ids stand in a row, so that only the end of the table is read. */
  #copies(alias: string, rows: readonly MovingRow[]): string {
    const [first, last] = [rows[0]?.newRowId, rows.at(-1)?.newRowId];
    return `${alias}.row_id BETWEEN ${first} AND ${last} AND ${alias}.op_id = ${this.#input.opId}`;
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

/** A day's month. */
function warmOf(table: PeriodTable): PeriodTable {
  return tableFor('warm', table.from);
}

/** The tables in which rows of these own times stand, or will. */
export function periods(tier: TableTier, rows: readonly MovingRow[]): PeriodTable[] {
  const tables = new Map<string, PeriodTable>();
  let last: PeriodTable | undefined;
  for (const { ownTime } of rows) {
    // They come by age, so that the next is mostly of the same one: to make a name takes microseconds.
    if (last !== undefined && ownTime >= last.from && ownTime < last.until) continue;
    last = tableFor(tier, ownTime);
    tables.set(last.name, last);
  }
  return [...tables.values()];
}

/** The time of these rows, in a table `t`. Tables know own times to the microsecond. */
function spanSql(rows: readonly MovingRow[]): string {
  let [from, until] = [Infinity, -Infinity];
  for (const { ownTime } of rows) [from, until] = [Math.min(from, ownTime), Math.max(until, ownTime)];
  return `t.own_time >= ${timestampSql(from - 1)} AND t.own_time < ${timestampSql(until + 2)}`;
}

/** Of a source with own times what belongs in a table. */
export function within(source: string, table: PeriodTable): string {
  return `(SELECT * FROM ${source} WHERE own_time >= ${timestampSql(table.from)} AND own_time < ${timestampSql(table.until)})`;
}
