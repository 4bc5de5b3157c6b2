import { BIGINT, LIST, listValue } from '@duckdb/node-api';
import type { Kind } from '../../../contract/index.js';
import type { KeptPlacement, PlacedRow, StandingKey } from '../catalog/scrub.js';
import { isDropped } from '../current-rows.js';
import { OperationConnection } from './operation-connection.js';
import { literal, qualified, tableFor, type PeriodTable, type TableTier } from './tables.js';
import { queryRows } from './queries.js';
import type { TierDatabase } from './tier-database.js';

/** A row as a scrub compares it. */
export interface ScrubbedRow extends StandingKey {
  hash: string;
}

interface RowColumns {
  row_id: bigint;
  op_id: bigint;
  system_id: string;
  kind: Kind;
  memory_id: string;
  hash: string;
  own: bigint;
}

const COLUMNS = 'row_id, op_id, system_id, kind, memory_id, hash, epoch_ms(own_time) AS own';

function scrubbed(row: RowColumns): ScrubbedRow {
  return {
    rowId: Number(row.row_id),
    opId: Number(row.op_id),
    systemId: row.system_id,
    kind: row.kind,
    memoryId: row.memory_id,
    hash: row.hash,
    ownTime: Number(row.own),
  };
}

/** Reads every column of every row, which has DuckDB check the sum of every block that holds one; some seconds for each gigabyte. */
export async function readWhole(tiers: TierDatabase, table: PeriodTable): Promise<void> {
  await unlessDropped(undefined, async () => {
    await tiers.read((connection) =>
      queryRows(connection, `SELECT bit_xor(hash(t)) FROM ${qualified(table)} t`),
    );
    return undefined;
  });
}

export function rowsBehind(
  tiers: TierDatabase,
  table: PeriodTable,
  { after, limit }: { after: number; limit: number },
): Promise<ScrubbedRow[]> {
  const sql = `SELECT ${COLUMNS} FROM ${qualified(table)} WHERE row_id > ${after} ORDER BY row_id LIMIT ${limit}`;
  return unlessDropped([], async () => {
    const rows = await tiers.read((connection) => queryRows<RowColumns>(connection, sql));
    return rows.map(scrubbed);
  });
}

/** Those of these placements' rows that stand in the tables of their periods. */
export async function rowsOf(
  tiers: TierDatabase,
  tier: TableTier,
  placed: readonly Pick<PlacedRow, 'rowId' | 'ownTime'>[],
): Promise<Map<number, ScrubbedRow>> {
  const idsByTable = new Map<string, { table: PeriodTable; ids: number[] }>();
  for (const { rowId, ownTime } of placed) {
    const table = tableFor(tier, ownTime);
    const group = idsByTable.get(table.name) ?? { table, ids: [] };
    group.ids.push(rowId);
    idsByTable.set(table.name, group);
  }
  const found = new Map<number, ScrubbedRow>();
  for (const { table, ids } of idsByTable.values())
    for (const row of await rowsById(tiers, table, ids)) found.set(row.rowId, row);
  return found;
}

export function rowsById(
  tiers: TierDatabase,
  table: PeriodTable,
  ids: readonly number[],
): Promise<ScrubbedRow[]> {
  const sql = `SELECT ${COLUMNS} FROM ${qualified(table)} WHERE row_id IN (SELECT unnest($ids))`;
  return unlessDropped([], async () => {
    const rows = await tiers.read((connection) =>
      queryRows<RowColumns>(connection, sql, { ids: listValue(ids.map(BigInt)) }, { ids: LIST(BIGINT) }),
    );
    return rows.map(scrubbed);
  });
}

/** A table goes once all its rows have: what it held is elsewhere. */
async function unlessDropped<T>(otherwise: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isDropped(error)) return otherwise;
    throw error;
  }
}

/** Rows of a cold object per message to the catalog's thread. */
const CHUNK = 10_000;

/** The local copy of a journal or cold object, on a connection of its own. */
export class ObjectCopy {
  readonly #connection: OperationConnection;
  readonly #source: string;

  private constructor(connection: OperationConnection, file: string) {
    this.#connection = connection;
    this.#source = `read_parquet(${literal(file)}, hive_partitioning = false, file_row_number = true)`;
  }

  /** The caller closes it. */
  static async open(tiers: TierDatabase, file: string, signal: AbortSignal): Promise<ObjectCopy> {
    return new ObjectCopy(await OperationConnection.open(tiers, signal), file);
  }

  /** Of these the ones of which it has no row: of a cold one by row id as well, because that is how it is read. */
  async lacks(kept: readonly KeptPlacement[]): Promise<Set<number>> {
    await this.#connection.run(
      `CREATE OR REPLACE TEMP TABLE kept (pid BIGINT, row_id BIGINT, system_id VARCHAR, kind VARCHAR, memory_id VARCHAR, hash VARCHAR)`,
    );
    const appender = await this.#connection.appendTo('kept');
    for (const { pid, rowId, isCold, systemId, kind, memoryId, hash } of kept) {
      appender.appendBigInt(BigInt(pid));
      if (isCold === 1) appender.appendBigInt(BigInt(rowId));
      else appender.appendNull();
      for (const text of [systemId, kind, memoryId, hash]) appender.appendVarchar(text);
      appender.endRow();
    }
    appender.closeSync();
    const lacking = await this.#connection.rows<{ pid: bigint }>(
      `SELECT k.pid FROM kept k WHERE NOT EXISTS (SELECT 1 FROM ${this.#source} r WHERE r.system_id = k.system_id AND r.kind = k.kind
         AND r.memory_id = k.memory_id AND r.hash = k.hash AND (k.row_id IS NULL OR r.row_id = k.row_id))`,
    );
    return new Set(lacking.map(({ pid }) => Number(pid)));
  }

  async *rows(): AsyncGenerator<ScrubbedRow[]> {
    for (let from = 0; ; from += CHUNK) {
      const rows = await this.#connection.rows<RowColumns>(
        `SELECT ${COLUMNS} FROM ${this.#source} WHERE file_row_number >= ${from} AND file_row_number < ${from + CHUNK}`,
      );
      if (rows.length > 0) yield rows.map(scrubbed);
      if (rows.length < CHUNK) return;
    }
  }

  close(): void {
    this.#connection.close();
  }
}
