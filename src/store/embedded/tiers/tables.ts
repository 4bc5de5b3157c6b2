import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';

/** The columns that every stored row carries, in DuckDB and in Parquet. */
export const COMMON_COLUMNS = [
  'row_id',
  'op_id',
  'system_id',
  'kind',
  'memory_id',
  'hash',
  'ord',
  'upload_id',
  'own_time',
  'content',
  'project',
  'tags',
  'fields',
] as const;

const COMMON_DDL = `
  row_id BIGINT PRIMARY KEY,
  op_id BIGINT NOT NULL,
  system_id VARCHAR NOT NULL,
  kind VARCHAR NOT NULL,
  memory_id VARCHAR NOT NULL,
  hash VARCHAR NOT NULL,
  ord BIGINT NOT NULL,
  upload_id VARCHAR NOT NULL,
  own_time TIMESTAMP NOT NULL,
  content VARCHAR NOT NULL,
  project VARCHAR,
  tags VARCHAR[],
  fields VARCHAR NOT NULL`;

const VECTOR_DDL = {
  hot: `embedding FLOAT[${EMBEDDING_DIMENSIONS}]`,
  warm: `vector TINYINT[${EMBEDDING_DIMENSIONS}], scale FLOAT`,
} as const;

export const VECTOR_COLUMNS = { hot: ['embedding'], warm: ['vector', 'scale'] } as const;

export type TableTier = 'hot' | 'warm';

/**
 * A table holds one period of own time, a day in hot and a month in warm. A keyed DuckDB table never gives space back, so
 * periods age out of a tier whole, and an emptied table is dropped.
 */
export interface PeriodTable {
  tier: TableTier;
  name: string;
  /** Milliseconds since 1970: from, inclusive, to until, exclusive. */
  from: number;
  until: number;
}

export function tableFor(tier: TableTier, ownTime: number): PeriodTable {
  const date = new Date(ownTime);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  return tier === 'hot'
    ? periodTable(tier, Date.UTC(year, month, day), Date.UTC(year, month, day + 1))
    : periodTable(tier, Date.UTC(year, month), Date.UTC(year, month + 1));
}

function periodTable(tier: TableTier, from: number, until: number): PeriodTable {
  const digits = new Date(from).toISOString().replaceAll('-', '').replaceAll('+', '');
  return {
    tier,
    name: tier === 'hot' ? `day_${digits.slice(0, 8)}` : `month_${digits.slice(0, 6)}`,
    from,
    until,
  };
}

/** The table that a name stands for; undefined for a table that is not a period's. */
export function parseTable(tier: TableTier, name: string): PeriodTable | undefined {
  const match = (tier === 'hot' ? /^day_(\d{4})(\d{2})(\d{2})$/ : /^month_(\d{4})(\d{2})$/).exec(name);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 1)];
  return tableFor(tier, Date.UTC(year, month - 1, day));
}

export function qualified(table: PeriodTable): string {
  return `${table.tier}.main.${table.name}`;
}

/** Some rows of a table, by their ids. */
export interface TableRows {
  table: PeriodTable;
  rowIds: readonly number[];
}

/**
 * One query for the rows of all of these tables: to plan and run a statement for each of them costs more than what it reads. `columns` are
 * those of a tier, of the same names and types in both.
 */
export function rowsSql(parts: readonly TableRows[], columns: (tier: TableTier) => string): string {
  return parts
    .map(
      ({ table, rowIds }) =>
        `SELECT ${columns(table.tier)} FROM ${qualified(table)} WHERE row_id IN (${rowIds.join(', ')})`,
    )
    .join(' UNION ALL ');
}

export function createTableSql(table: PeriodTable): string {
  return `CREATE TABLE IF NOT EXISTS ${qualified(table)} (${COMMON_DDL}, ${VECTOR_DDL[table.tier]})`;
}

/** Milliseconds since 1970 as a DuckDB timestamp in UTC. */
export function timestampSql(ms: number): string {
  return `make_timestamp(${Math.trunc(ms)} * 1000)`;
}

/** 127 times the smallest FLOAT of full precision, 2^-126: the scale of a smaller peak would be none. */
export const SMALLEST_PEAK = 1.5e-36;

/** What `embedding` is divided by: its largest magnitude, or 1 where that is too small for a scale to be a FLOAT. */
const PEAK_SQL = ((peak) => `CASE WHEN ${peak} < ${SMALLEST_PEAK} THEN 1 ELSE ${peak} END`)(
  'list_max(list_transform(CAST(embedding AS FLOAT[]), lambda x: abs(x)))',
);

/**
 * Symmetric int8 quantisation of `embedding`: scale = largest magnitude / 127, value = round(component / scale). The peak is
 * a column of its own, because inside the lambda DuckDB would take it again for each of the 384 components. Foreign vectors go up to the
 * ends of FLOAT, so nothing is multiplied before it is divided, and one too small for its scale to be a FLOAT counts as zero.
 */
export function quantisedSql(source: string): string {
  return `WITH peaked AS MATERIALIZED (SELECT *, ${PEAK_SQL} AS peak FROM ${source})
    SELECT ${COMMON_COLUMNS.join(', ')},
      CAST(list_transform(CAST(embedding AS FLOAT[]), lambda x: TRY_CAST(round(x / peak * 127) AS TINYINT))
        AS TINYINT[${EMBEDDING_DIMENSIONS}]) AS vector,
      CAST(peak / 127 AS FLOAT) AS scale
    FROM peaked`;
}

/** A SQL string literal. */
export function literal(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
