import {
  BATCH_COLUMNS,
  KIND_DEFINITIONS,
  MAX_CONTENT_BYTES,
  MAX_MEMORY_ID_LENGTH,
  contentHashSql,
} from '../memory/index.js';
import { quoteName, quoteText } from './sandbox.js';
import type { KnownTable } from './source-schema.js';

/** The columns of one database's rows: those of the batch, and what decides between two rows of one memory. */
export const EXPORTED_COLUMNS = {
  ...BATCH_COLUMNS,
  /** Rank of the source table: the lower wins. */
  source_rank: 'INTEGER',
} as const;

/** What an own time is where the source's is without a zone, missing or impossible. */
export interface ReadTimes {
  /** IANA zone of the writer's timestamps. */
  timeZone: string;
  /** Of the upload, by the host's clock and by the setting's. Milliseconds since 1970. */
  uploadedAt: number;
  asOf: number;
}

/** Columns with a place of their own in the export, and those derived from the content. */
const NOT_IN_FIELDS = new Set([
  'content',
  'project',
  'tags',
  'embedding',
  'fingerprint',
  'searchable_content',
]);

/**
 * One SELECT of `EXPORTED_COLUMNS` over all known tables of the attached file, rows without a usable id or content
 * left out. In no order: rows stream through, and to sort them with their texts and vectors takes more memory than a reader has.
 */
export function exportSql(
  tables: readonly KnownTable[],
  times: ReadTimes,
  /** The rows wanted of a table, as a query of their `rowid`s; by default all. */
  wantedSql?: (table: KnownTable) => string,
): string {
  const selects = tables.map((table) => {
    const { content, rest } = usableSql(table, tables, wantedSql?.(table));
    return (
      `SELECT ${quoteText(table.kind)}, memory_id, hash, ${content} AS content, project, tags, ${ownTimeSql(times)} AS own_time, ` +
      `fields, embedding, ${table.rank} ${rest}`
    );
  });
  return unionSql(EXPORTED_COLUMNS, selects);
}

/** What tells the rows of `exportSql` apart and whether they changed, without their texts and vectors. */
const PLACED_COLUMNS = {
  table_name: 'VARCHAR',
  /** The row's `rowid` in it. */
  place: 'BIGINT',
  kind: 'VARCHAR',
  memory_id: 'VARCHAR',
  hash: 'VARCHAR',
  source_rank: 'INTEGER',
} as const;

/** One SELECT of `PLACED_COLUMNS` over the rows that `exportSql` has. No table may have a column of its own called `rowid`. */
export function placesSql(tables: readonly KnownTable[]): string {
  const selects = tables.map((table) => {
    const { rest } = usableSql(table, tables);
    return `SELECT ${quoteText(table.name)}, place, ${quoteText(table.kind)}, memory_id, hash, ${table.rank} ${rest}`;
  });
  return unionSql(PLACED_COLUMNS, selects);
}

function unionSql(columns: Readonly<Record<string, string>>, selects: readonly string[]): string {
  // Gives the types and names, also where no table is known.
  const shape = Object.entries(columns).map(([name, type]) => `CAST(NULL AS ${type}) AS ${name}`);
  return [`SELECT ${shape.join(', ')} WHERE false`, ...selects].join('\nUNION ALL\n');
}

/** Of a table's rows those that can be kept: the expression of their content, and what follows a list of columns. */
function usableSql(
  table: KnownTable,
  tables: readonly KnownTable[],
  wanted?: string,
): { content: string; rest: string } {
  const expressions = Object.entries({ ...sourceExpressions(table), place: 'rowid' })
    .map(([name, expression]) => `${expression} AS ${name}`)
    .join(', ');
  const where = wanted === undefined ? '' : ` WHERE rowid IN (${wanted})`;
  const { content, joins } = contentSql(table, tables);
  return {
    content,
    rest:
      `FROM (SELECT ${expressions} FROM ${table.from}${where}) AS r${joins} ` +
      `WHERE ${USABLE_ID} AND strlen(${content}) <= ${MAX_CONTENT_BYTES}`,
  };
}

/** Not true of NULL either. */
const USABLE_ID = `length(memory_id) BETWEEN 1 AND ${MAX_MEMORY_ID_LENGTH} AND NOT contains(memory_id, chr(0))`;

/** What is computed from the row alone, in a scope where its column names cannot meet another table's. */
function sourceExpressions(table: KnownTable): Record<string, string> {
  const { columns, kind } = table;
  const text = (name: string): string => (columns.has(name) ? `CAST(${quoteName(name)} AS VARCHAR)` : 'NULL');
  return {
    memory_id: text('id'),
    hash: contentHashSql(kind, new Set(columns.keys())),
    project: text('project'),
    tags: isList(columns.get('tags')) ? 'CAST("tags" AS VARCHAR[])' : 'NULL',
    ...sourceTimeSql(table),
    fields: fieldsSql(columns),
    embedding: embeddingSql(columns.get('embedding')),
    ...partsOfContent(table, text),
  };
}

function partsOfContent(
  { kind, columns }: KnownTable,
  text: (name: string) => string,
): Record<string, string> {
  switch (kind) {
    case 'conversation':
    case 'reflection':
      return { own_content: text('content') };
    case 'entity': {
      const observations = isList(columns.get('observations'))
        ? `nullif(array_to_string(CAST("observations" AS VARCHAR[]), ' '), '')`
        : 'NULL';
      return {
        own_content: `nullif(concat_ws(' ', ${text('name')}, ${text('entity_type')}, ${observations}), '')`,
      };
    }
    case 'relation':
      return {
        from_id: text('from_entity'),
        to_id: text('to_entity'),
        relation_type: text('relation_type'),
      };
  }
}

/** A relation reads as its two entities' names around its type, so that it is found by them. */
function contentSql(table: KnownTable, tables: readonly KnownTable[]): { content: string; joins: string } {
  if (table.kind !== 'relation') return { content: 'own_content', joins: '' };
  const entities = tables.find(
    ({ kind, columns }) => kind === 'entity' && columns.has('id') && columns.has('name'),
  );
  if (entities === undefined)
    return { content: `nullif(concat_ws(' ', from_id, relation_type, to_id), '')`, joins: '' };
  // Grouped, so that an id that stands twice does not double the relation.
  const names = `(SELECT CAST("id" AS VARCHAR) AS id, min(CAST("name" AS VARCHAR)) AS name FROM ${entities.from} GROUP BY 1)`;
  return {
    content: `nullif(concat_ws(' ', coalesce(f.name, from_id), relation_type, coalesce(t.name, to_id)), '')`,
    joins: ` LEFT JOIN ${names} AS f ON f.id = from_id LEFT JOIN ${names} AS t ON t.id = to_id`,
  };
}

/** Of a text: behind hours and minutes an offset, `Z` or the name of a zone. */
const NAMES_ZONE = String.raw`:\d{2}(\.\d+)?\s*([+-]\d|[A-Za-z])`;

/**
 * A time with a zone, a column's or a text's own, is an instant; any other is what the writer's clock showed. DuckDB reads a text as
 * a TIMESTAMP without looking at its zone.
 */
function sourceTimeSql({ kind, columns }: KnownTable): { source_time: string; time_is_utc: string } {
  const times = KIND_DEFINITIONS[kind].ownTime.flatMap((name) => {
    const type = columns.get(name);
    return type === undefined ? [] : [timeOfColumn(quoteName(name), type)];
  });
  if (times.length === 0) {
    return { source_time: 'CAST(NULL AS TIMESTAMP)', time_is_utc: 'CAST(NULL AS BOOLEAN)' };
  }
  const time = `coalesce(${times.map((one) => one.time).join(', ')})`;
  const whens = times.map((one) => `WHEN ${one.time} IS NOT NULL THEN ${one.isUtc}`);
  return {
    // Infinity and years that ISO 8601 and the archive's folders cannot write count as no time at all.
    source_time: `CASE WHEN ${time} >= TIMESTAMP '0001-01-01' AND ${time} < TIMESTAMP '10000-01-01' THEN ${time} END`,
    time_is_utc: `CASE ${whens.join(' ')} END`,
  };
}

/**
 * The source's wall clock in the writer's zone, or what it says with a zone of its own; the upload's time where it is missing, later than
 * `asOf`, or before 1970 (the zero dates of other languages).
 */
function ownTimeSql({ timeZone, uploadedAt, asOf }: ReadTimes): string {
  const utc = `CASE WHEN time_is_utc THEN source_time ELSE timezone('UTC', timezone(${quoteText(timeZone)}, source_time)) END`;
  // A host's clock can be wrong by years; the archive's folders can write neither a year of four digits too few nor too many.
  const isPlausible = uploadedAt >= 0 && uploadedAt <= asOf;
  const uploaded = `make_timestamp(${isPlausible ? uploadedAt : asOf} * 1000)`;
  return `CASE WHEN source_time IS NULL OR NOT isfinite(source_time) OR ${utc} > make_timestamp(${asOf} * 1000)
    OR ${utc} < TIMESTAMP '1970-01-01' THEN ${uploaded} ELSE ${utc} END`;
}

/** The sandbox's own zone is UTC. */
function timeOfColumn(column: string, type: string): { time: string; isUtc: string } {
  if (type === 'TIMESTAMP WITH TIME ZONE') return { time: `TRY_CAST(${column} AS TIMESTAMP)`, isUtc: 'true' };
  if (type !== 'VARCHAR') return { time: `TRY_CAST(${column} AS TIMESTAMP)`, isUtc: 'false' };
  return {
    time: `TRY_CAST(TRY_CAST(${column} AS TIMESTAMP WITH TIME ZONE) AS TIMESTAMP)`,
    isUtc: `regexp_matches(${column}, ${quoteText(NAMES_ZONE)})`,
  };
}

function fieldsSql(columns: ReadonlyMap<string, string>): string {
  const fields = [...columns]
    .filter(([name]) => !NOT_IN_FIELDS.has(name))
    .map(([name, type]) => `${quoteName(name)} := ${jsonSafe(quoteName(name), type)}`);
  // A known table always has its id, so there is at least one field.
  return `CAST(to_json(struct_pack(${fields.join(', ')})) AS VARCHAR)`;
}

/** DuckDB writes NaN and Infinity into JSON as they are, which no JSON parser takes. */
function jsonSafe(column: string, type: string): string {
  if (type === 'FLOAT' || type === 'DOUBLE') return `CASE WHEN isfinite(${column}) THEN ${column} END`;
  if (/FLOAT|DOUBLE/.test(type)) return `CAST(${column} AS VARCHAR)`;
  // As the text it is: worked into the object it would lose its spaces and escapes, which are part of the content hash, and where
  // Python wrote NaN or Infinity it is no JSON.
  if (type === 'JSON') return `CAST(${column} AS VARCHAR)`;
  return column;
}

/** Null where there is none that could be compared: the text is embedded again. */
function embeddingSql(type: string | undefined): string {
  if (type === undefined || !/^(FLOAT|DOUBLE)\[\d*\]$/.test(type)) return 'NULL';
  // As a list inside the CASE, because DuckDB has no CASE over arrays; the outer cast refuses any other
  // length.
  const vector = `TRY_CAST("embedding" AS FLOAT[])`;
  const finite = `len(list_filter(${vector}, lambda x: isfinite(x))) = len(${vector})`;
  // Zeros, and what is so short that its square is 0, point nowhere: a cosine with them is undefined.
  const directed = `len(list_filter(${vector}, lambda x: x * x > 0)) > 0`;
  return `TRY_CAST(CASE WHEN ${finite} AND ${directed} THEN ${vector} END AS ${EXPORTED_COLUMNS.embedding})`;
}

/** True for a list or an array of a DuckDB type name. */
export function isList(type: string | undefined): boolean {
  return type?.endsWith(']') ?? false;
}
