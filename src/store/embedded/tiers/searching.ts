import { ARRAY, arrayValue, FLOAT, type DuckDBType, type DuckDBValue } from '@duckdb/node-api';
import type { Kind } from '../../../contract/index.js';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import type { Candidate, SearchFilters } from '../../store.js';
import {
  literal,
  qualified,
  rowsSql,
  timestampSql,
  type PeriodTable,
  type TableRows,
  type TableTier,
} from './tables.js';
import { queryRows } from './queries.js';
import type { TierDatabase } from './tier-database.js';

interface CandidateRow {
  system_id: string;
  kind: Kind;
  memory_id: string;
  score: number;
}

/** Of a row of any tier what a search reads there. */
export interface FetchedRow {
  rowId: number;
  hash: string;
  content: string;
  tags: string[];
}

/** Exact cosine over the period tables that the filters allow. */
export async function searchTableVectors(
  tiers: TierDatabase,
  tier: TableTier,
  vector: Float32Array,
  filters: SearchFilters,
  limit: number,
): Promise<Candidate[]> {
  const tables = (await tiers.tables(tier)).filter((table) => overlaps(table, filters));
  if (tables.length === 0) return [];
  const column = tier === 'hot' ? 'embedding' : `CAST(vector AS FLOAT[${EMBEDDING_DIMENSIONS}])`;
  const { sql, values } = filterSql(filters);
  const parts = tables.map(
    (table) => `SELECT system_id, kind, memory_id,
        array_cosine_similarity(${column}, $vector) AS score
      FROM ${qualified(table)} WHERE ${tier === 'hot' ? 'embedding' : 'vector'} IS NOT NULL${sql}`,
  );
  values['vector'] = arrayValue([...vector]);
  return candidates(tiers, parts.join(' UNION ALL '), values, limit, {
    vector: ARRAY(FLOAT, EMBEDDING_DIMENSIONS),
  });
}

/**
 * Cosine estimated from the signs of the components: two vectors at an angle a differ in a share a/pi of them (Charikar,
 * "Similarity estimation techniques from rounding algorithms", 2002). Good for candidates, not for a score to show.
 */
export async function searchColdVectors(
  tiers: TierDatabase,
  files: readonly string[],
  vector: Float32Array,
  filters: SearchFilters,
  limit: number,
): Promise<Candidate[]> {
  if (files.length === 0) return [];
  const bits = Array.from(vector, (x) => (x > 0 ? '1' : '0')).join('');
  const { sql, values } = filterSql(filters);
  return candidates(
    tiers,
    `SELECT system_id, kind, memory_id,
       cos(pi() * bit_count(xor(CAST(signs AS BIT), CAST('${bits}' AS BIT))) / ${EMBEDDING_DIMENSIONS}) AS score
     FROM ${parquet(files)} WHERE signs IS NOT NULL${sql}`,
    values,
    limit,
  );
}

/**
 * Cold has no text index: a row scores the terms that its text holds, each weighted by its rarity among the rows that the
 * filters allow, as in BM25 without its length term.
 */
export async function searchColdWords(
  tiers: TierDatabase,
  files: readonly string[],
  terms: readonly string[],
  filters: SearchFilters,
  limit: number,
): Promise<Candidate[]> {
  if (files.length === 0 || terms.length === 0) return [];
  const { sql, values } = filterSql(filters);
  const marks = terms.map((_, i) => `contains(folded, strip_accents($term${i})) AS hit${i}`);
  const weights = terms.map(
    (_, i) =>
      `ln(1 + (count(*) - count(*) FILTER (hit${i}) + 0.5) / (count(*) FILTER (hit${i}) + 0.5)) AS weight${i}`,
  );
  const score = terms.map((_, i) => `CASE WHEN hit${i} THEN weight${i} ELSE 0 END`).join(' + ');
  terms.forEach((term, i) => (values[`term${i}`] = term.toLowerCase()));
  return candidates(
    tiers,
    `WITH folded AS (SELECT system_id, kind, memory_id, strip_accents(lower(content)) AS folded
         FROM ${parquet(files)} WHERE true${sql}),
       marked AS MATERIALIZED (SELECT system_id, kind, memory_id, ${marks.join(', ')} FROM folded),
       weighed AS (SELECT ${weights.join(', ')} FROM marked)
     SELECT system_id, kind, memory_id, ${score} AS score FROM marked, weighed
     WHERE ${terms.map((_, i) => `hit${i}`).join(' OR ')}`,
    values,
    limit,
  );
}

async function candidates(
  tiers: TierDatabase,
  sql: string,
  values: Record<string, DuckDBValue>,
  limit: number,
  types: Record<string, DuckDBType> = {},
): Promise<Candidate[]> {
  const rows = await tiers.read((connection) =>
    queryRows<CandidateRow>(
      connection,
      `SELECT * FROM (${sql}) WHERE score IS NOT NULL ORDER BY score DESC, memory_id LIMIT ${limit}`,
      values,
      types,
    ),
  );
  return rows.map((row) => ({
    systemId: row.system_id,
    kind: row.kind,
    memoryId: row.memory_id,
    score: row.score,
  }));
}

/** What the catalog does not have of a row, and the hash that tells that it is the one that its placement means: all else a search takes from that. */
const FETCHED = 'row_id, hash, content, tags';

export function fetchFromTables(tiers: TierDatabase, parts: readonly TableRows[]): Promise<FetchedRow[]> {
  return fetchRows(
    tiers,
    rowsSql(parts, () => FETCHED),
  );
}

/** One query for all of the files: row ids are never used twice, and to begin a query costs as much as to open its file. */
export function fetchFromObjects(
  tiers: TierDatabase,
  files: readonly string[],
  rowIds: readonly number[],
): Promise<FetchedRow[]> {
  return fetchRows(tiers, `SELECT ${FETCHED} FROM ${parquet(files)} WHERE row_id IN (${rowIds.join(', ')})`);
}

/** Of a table the rows at these places, as DuckDB numbers them, but for those whose text has more bytes than `longest`. */
export async function fetchRange(
  tiers: TierDatabase,
  table: PeriodTable,
  { from, until, longest }: { from: number; until: number; longest: number },
): Promise<{ rows: FetchedRow[]; isLast: boolean }> {
  const rows = await fetchRows(
    tiers,
    `SELECT ${FETCHED} FROM ${qualified(table)} WHERE rowid >= ${from} AND rowid < ${until} AND strlen(content) <= ${longest}`,
  );
  const [end] = await tiers.read((connection) =>
    queryRows<{ last: bigint | null }>(connection, `SELECT max(rowid) AS last FROM ${qualified(table)}`),
  );
  return { rows, isLast: Number(end?.last ?? -1) < until };
}

async function fetchRows(tiers: TierDatabase, sql: string): Promise<FetchedRow[]> {
  const rows = await tiers.read((connection) =>
    queryRows<{ row_id: bigint; hash: string; content: string; tags: string[] | null }>(connection, sql),
  );
  return rows.map(({ row_id, tags, ...row }) => ({ ...row, rowId: Number(row_id), tags: tags ?? [] }));
}

export function parquet(files: readonly string[]): string {
  return `read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false)`;
}

function overlaps(table: PeriodTable, filters: SearchFilters): boolean {
  return (filters.since ?? -Infinity) < table.until && (filters.until ?? Infinity) > table.from;
}

export function filterSql(filters: SearchFilters): { sql: string; values: Record<string, DuckDBValue> } {
  const values: Record<string, DuckDBValue> = {};
  let sql = '';
  if (filters.systemId !== undefined) {
    sql += ' AND system_id = $system';
    values['system'] = filters.systemId;
  }
  if (filters.kind !== undefined) {
    sql += ' AND kind = $kind';
    values['kind'] = filters.kind;
  }
  if (filters.project !== undefined) {
    sql += ' AND project = $project';
    values['project'] = filters.project;
  }
  if (filters.tag !== undefined) {
    sql += ' AND list_contains(tags, $tag)';
    values['tag'] = filters.tag;
  }
  if (filters.since !== undefined) sql += ` AND own_time >= ${timestampSql(filters.since)}`;
  if (filters.until !== undefined) sql += ` AND own_time < ${timestampSql(filters.until)}`;
  return { sql, values };
}
