import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import type { FaultyRow } from '../catalog/held.js';
import type { MovingRow } from '../catalog/moves.js';
import type { KeptRow } from '../catalog/repair.js';
import { nameBatch } from './batch-table.js';
import { periods, SHARED, within } from './moving.js';
import { OperationConnection } from './operation-connection.js';
import {
  COMMON_COLUMNS,
  literal,
  qualified,
  quantisedSql,
  VECTOR_COLUMNS,
  type TableTier,
} from './tables.js';
import type { TierDatabase } from './tier-database.js';

export interface RepairInput {
  tier: TableTier;
  opId: number;
  rows: readonly MovingRow[];
  kept: readonly KeptRow[];
  /** Local copies of what keeps them. */
  journals: readonly string[];
  cold: readonly string[];
  /** The operation's. */
  signal: AbortSignal;
}

/** The rows of one repair as their keepers have them, on a connection of their own. */
export class RepairStaging {
  readonly #connection: OperationConnection;
  readonly #input: RepairInput;
  readonly #faulty: FaultyRow[] = [];

  private constructor(connection: OperationConnection, input: RepairInput) {
    this.#connection = connection;
    this.#input = input;
  }

  /** The files are needed no longer than this takes. */
  static async load(tiers: TierDatabase, input: RepairInput): Promise<RepairStaging> {
    const connection = await OperationConnection.open(tiers, input.signal);
    const staging = new RepairStaging(connection, input);
    try {
      await nameBatch(connection, input.rows);
      await staging.#nameKept();
      await staging.#collect();
    } catch (error) {
      connection.close();
      throw error;
    }
    return staging;
  }

  /** Rows that cannot be brought back, as far as the steps have shown yet. */
  get faulty(): readonly FaultyRow[] {
    return this.#faulty;
  }

  get #isEmpty(): boolean {
    return this.#faulty.length === this.#input.rows.length;
  }

  async #nameKept(): Promise<void> {
    await this.#connection.run(
      'CREATE TEMP TABLE kept (new_row_id BIGINT, system_id VARCHAR, kind VARCHAR, memory_id VARCHAR, hash VARCHAR)',
    );
    const appender = await this.#connection.appendTo('kept');
    for (const { newRowId, systemId, kind, memoryId, hash } of this.#input.kept) {
      appender.appendBigInt(BigInt(newRowId));
      for (const value of [systemId, kind, memoryId, hash]) appender.appendVarchar(value);
      appender.endRow();
    }
    appender.closeSync();
  }

  /**
   * By key and hash: an object has a key once, and the row id that it has there is the one that the row began with. A cold object keeps the
   * signs of a vector alone, so what only it keeps comes back without one.
   */
  async #collect(): Promise<void> {
    const { opId, journals, cold } = this.#input;
    const vector = `FLOAT[${EMBEDDING_DIMENSIONS}]`;
    await this.#connection.run(
      `CREATE TEMP TABLE moving AS SELECT b.new_row_id AS row_id, ${opId}::BIGINT AS op_id, b.ord, ${SHARED.map((column) => `t.${column}`).join(', ')},
         NULL::${vector} AS embedding FROM batch b, ${EMPTY_ROWS} t WHERE false`,
    );
    const sources = [
      { files: journals, embedding: `CAST(t.embedding AS ${vector})` },
      { files: cold, embedding: `NULL::${vector}` },
    ];
    for (const { files, embedding } of sources) {
      if (files.length === 0) continue;
      await this.#connection.run(
        `INSERT INTO moving SELECT DISTINCT ON (b.new_row_id) b.new_row_id, ${opId}::BIGINT, b.ord,
           ${SHARED.map((column) => `t.${column}`).join(', ')}, ${embedding}
         FROM read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false) t
         JOIN kept k ON k.system_id = t.system_id AND k.kind = t.kind AND k.memory_id = t.memory_id AND k.hash = t.hash
         JOIN batch b ON b.new_row_id = k.new_row_id
         WHERE b.new_row_id NOT IN (SELECT row_id FROM moving)`,
      );
    }
    await this.#fault(
      'row_missing',
      'SELECT new_row_id FROM batch WHERE new_row_id NOT IN (SELECT row_id FROM moving)',
    );
  }

  async #fault(reason: FaultyRow['reason'], sql: string): Promise<void> {
    const rows = await this.#connection.rows<{ id: bigint }>(`SELECT * FROM (${sql}) AS faulty(id)`);
    this.#faulty.push(...rows.map(({ id }) => ({ newRowId: Number(id), reason })));
  }

  /** Step 2: inserts the copies. */
  async insert(): Promise<void> {
    if (this.#isEmpty) return;
    const { tier, rows } = this.#input;
    await this.#connection.write(tier, async () => {
      const tables = periods(tier, rows);
      await this.#connection.createTables(tier, tables);
      for (const table of tables) {
        const part = within('moving', table);
        const select = tier === 'hot' ? `SELECT ${COLUMNS.hot} FROM ${part}` : quantisedSql(part);
        await this.#connection.run(`INSERT INTO ${qualified(table)} (${COLUMNS[tier]}) ${select}`);
      }
    });
  }

  /** Reads the copies back, and compares every column with what keeps the row. */
  async verify(): Promise<void> {
    if (this.#isEmpty) return;
    const { tier, rows } = this.#input;
    const same = SHARED.map((column) => `c.${column} IS NOT DISTINCT FROM m.${column}`).join(' AND ');
    const vector =
      tier === 'hot'
        ? 'c.embedding IS NOT DISTINCT FROM m.embedding'
        : '(c.vector IS NULL) = (m.embedding IS NULL)';
    await this.#connection.run('CREATE TEMP TABLE equal (row_id BIGINT)');
    for (const table of periods(tier, rows)) {
      await this.#connection.run(
        `INSERT INTO equal SELECT m.row_id FROM moving m
         JOIN ${qualified(table)} c ON c.row_id = m.row_id AND c.op_id = m.op_id WHERE ${same} AND ${vector}`,
      );
    }
    await this.#fault(
      'copy_differs',
      'SELECT row_id FROM moving WHERE row_id NOT IN (SELECT row_id FROM equal)',
    );
  }

  close(): void {
    this.#connection.close();
  }
}

const COLUMNS = {
  hot: [...COMMON_COLUMNS, ...VECTOR_COLUMNS.hot].join(', '),
  warm: [...COMMON_COLUMNS, ...VECTOR_COLUMNS.warm].join(', '),
} as const;

/** No row, with the types of those that there are. */
const EMPTY_ROWS = `(SELECT NULL::VARCHAR AS system_id, NULL::VARCHAR AS kind, NULL::VARCHAR AS memory_id, NULL::VARCHAR AS hash,
  NULL::VARCHAR AS upload_id, NULL::TIMESTAMP AS own_time, NULL::VARCHAR AS content, NULL::VARCHAR AS project,
  NULL::VARCHAR[] AS tags, NULL::VARCHAR AS fields)`;
