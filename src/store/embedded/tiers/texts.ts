import { literal, qualified, type PeriodTable } from './tables.js';
import { queryRows, type TierDatabase } from './tier-database.js';

/** A row's text, for a model to read. */
export interface TextRow {
  rowId: number;
  content: string;
  /** Whether the row has a vector from its host. */
  hasVector: boolean;
}

/**
 * In characters. A model takes in 256 word pieces, of about 4 letters each; this leaves room for texts made of spaces and signs, and keeps
 * what a batch holds in memory small where each of them is 16 MiB.
 */
const READ_CHARACTERS = 65_536;

const VECTOR = { hot: 'embedding', warm: 'vector', cold: 'signs' } as const;

export function textsFromTable(
  tiers: TierDatabase,
  table: PeriodTable,
  rowIds: readonly number[],
): Promise<TextRow[]> {
  return readTexts(tiers, VECTOR[table.tier], qualified(table), rowIds);
}

export function textsFromObjects(
  tiers: TierDatabase,
  files: readonly string[],
  rowIds: readonly number[],
): Promise<TextRow[]> {
  const source = `read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false)`;
  return readTexts(tiers, VECTOR.cold, source, rowIds);
}

async function readTexts(
  tiers: TierDatabase,
  vector: string,
  source: string,
  rowIds: readonly number[],
): Promise<TextRow[]> {
  const rows = await tiers.read((connection) =>
    queryRows<{ row_id: bigint; content: string; has_vector: boolean }>(
      connection,
      `SELECT row_id, left(content, ${READ_CHARACTERS}) AS content, ${vector} IS NOT NULL AS has_vector FROM ${source}
       WHERE row_id IN (${rowIds.join(', ')})`,
    ),
  );
  return rows.map((row) => ({
    rowId: Number(row.row_id),
    content: row.content,
    hasVector: row.has_vector,
  }));
}
