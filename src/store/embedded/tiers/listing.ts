import type { Kind } from '../../../contract/index.js';
import type { WholeMemory } from '../../store.js';
import { literal, rowsSql, type TableRows } from './tables.js';
import { queryRows } from './queries.js';
import type { TierDatabase } from './tier-database.js';

/** A row of any tier with everything that its host had. */
export interface WholeRow extends Omit<WholeMemory, 'tier' | 'ownTime'> {
  rowId: number;
}

const WHOLE = 'row_id, system_id, kind, memory_id, hash, content, project, tags, fields';

/** Lists, because DuckDB's arrays come to JavaScript wrapped. A warm component is its step times the vector's scale. */
const EMBEDDING = {
  hot: 'CAST(embedding AS FLOAT[])',
  warm: 'list_transform(CAST(vector AS FLOAT[]), lambda step: CAST(step * scale AS FLOAT))',
} as const;

export function wholeFromTables(tiers: TierDatabase, parts: readonly TableRows[]): Promise<WholeRow[]> {
  return readWhole(
    tiers,
    rowsSql(parts, (tier) => `${WHOLE}, ${EMBEDDING[tier]} AS embedding`),
  );
}

/** One query for all of the files: see `fetchFromObjects`. */
export function wholeFromObjects(
  tiers: TierDatabase,
  files: readonly string[],
  rowIds: readonly number[],
): Promise<WholeRow[]> {
  const source = `read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false)`;
  return readWhole(
    tiers,
    `SELECT ${WHOLE}, NULL AS embedding FROM ${source} WHERE row_id IN (${rowIds.join(', ')})`,
  );
}

async function readWhole(tiers: TierDatabase, sql: string): Promise<WholeRow[]> {
  const rows = await tiers.read((connection) =>
    queryRows<{
      row_id: bigint;
      system_id: string;
      kind: Kind;
      memory_id: string;
      hash: string;
      content: string;
      project: string | null;
      tags: (string | null)[] | null;
      fields: string;
      embedding: number[] | null;
    }>(connection, sql),
  );
  return rows.map(({ row_id, system_id, memory_id, ...row }) => ({
    ...row,
    rowId: Number(row_id),
    systemId: system_id,
    memoryId: memory_id,
  }));
}
