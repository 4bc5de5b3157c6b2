import type { Tier } from '../../../contract/index.js';
import { literal, rowsSql, type TableRows } from './tables.js';
import { queryRows } from './queries.js';
import type { TierDatabase } from './tier-database.js';

/** A row's text, for a model to read. */
export interface TextRow {
  rowId: number;
  hash: string;
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

export function textsFromTables(tiers: TierDatabase, parts: readonly TableRows[]): Promise<TextRow[]> {
  return readTexts(tiers, rowsSql(parts, columns));
}

export function textsFromObjects(
  tiers: TierDatabase,
  files: readonly string[],
  rowIds: readonly number[],
): Promise<TextRow[]> {
  const source = `read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false)`;
  return readTexts(tiers, `SELECT ${columns('cold')} FROM ${source} WHERE row_id IN (${rowIds.join(', ')})`);
}

function columns(tier: Tier): string {
  return `row_id, hash, left(content, ${READ_CHARACTERS}) AS content, ${VECTOR[tier]} IS NOT NULL AS has_vector`;
}

async function readTexts(tiers: TierDatabase, sql: string): Promise<TextRow[]> {
  const rows = await tiers.read((connection) =>
    queryRows<{ row_id: bigint; hash: string; content: string; has_vector: boolean }>(connection, sql),
  );
  return rows.map((row) => ({
    rowId: Number(row.row_id),
    hash: row.hash,
    content: row.content,
    hasVector: row.has_vector,
  }));
}
