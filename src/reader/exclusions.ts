import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { KINDS, type Kind } from '../contract/index.js';
import type { Exclusions, KeptTable } from './messages.js';
import { quoteName, quoteText } from './sandbox.js';
import type { KnownTable } from './source-schema.js';

/** Ids of excluded memories, by kind. In the sandbox's own memory, not in a file. */
const EXCLUDED_IDS = 'temp.main.excluded_ids';

/** Types that Parquet gives back as they were, and lists and arrays of them. The others travel as text. */
const SAME_IN_PARQUET =
  /^(BOOLEAN|U?(TINY|SMALL|BIG)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|DATE|TIME|TIMESTAMP(_NS| WITH TIME ZONE)?|UUID|BLOB|VARCHAR|JSON)(\[\d*\])*$/;

/** Whether anything is excluded at all. */
export function excludes({ projects, kinds, categories, patterns }: Exclusions): boolean {
  return [projects, kinds, categories, patterns].some((list) => list.length > 0);
}

/**
 * Writes the memories that are not excluded to Parquet, a file for each table, and nothing else of the source.
 *
 * A memory goes from all tables of its kind where one of its rows is of an excluded project or category, or holds an
 * excluded pattern in any of its texts; a relation goes with either of its entities. Tables of excluded kinds are left out.
 */
export async function writeKept(
  connection: DuckDBConnection,
  { tables, exclude, folder }: { tables: readonly KnownTable[]; exclude: Exclusions; folder: string },
): Promise<KeptTable[]> {
  await connection.run(`CREATE TEMP TABLE ${EXCLUDED_IDS}(kind VARCHAR, id VARCHAR)`);
  for (const table of tables) {
    if (!table.columns.has('id')) continue;
    await connection.run(
      `INSERT INTO ${EXCLUDED_IDS} SELECT DISTINCT ${quoteText(table.kind)}, CAST("id" AS VARCHAR)
       FROM ${table.from} WHERE "id" IS NOT NULL AND (${excludedSql(table, exclude)})`,
    );
  }
  const kept: KeptTable[] = [];
  for (const table of tables) {
    if (exclude.kinds.includes(table.kind)) continue;
    const path = join(folder, `kept-${table.name}.parquet`);
    const columns = [...table.columns].map(([name, type]) => ({ name, type: typeToKeep(type) }));
    await connection.run(
      `COPY (SELECT ${columns.map(columnSql).join(', ')} FROM ${table.from}
         WHERE NOT (${excludedSql(table, exclude)}) AND NOT (${excludedByIdSql(table)}))
       TO ${quoteText(path)} (FORMAT parquet, USE_TMP_FILE false)`,
    );
    kept.push({ name: table.name, path, columns });
  }
  return kept;
}

/** An enumeration would list its values in the file, those of excluded rows too. */
function typeToKeep(type: string): string {
  return type.includes('ENUM(') ? 'VARCHAR' : type;
}

function columnSql({ name, type }: KeptTable['columns'][number]): string {
  const column = quoteName(name);
  return SAME_IN_PARQUET.test(type) && type !== 'VARCHAR'
    ? column
    : `CAST(${column} AS VARCHAR) AS ${column}`;
}

/** A condition that is never null. */
function excludedSql({ kind, columns }: KnownTable, exclude: Exclusions): string {
  if (exclude.kinds.includes(kind)) return 'true';
  const conditions = [
    ...oneOf('project', columns, exclude.projects),
    ...oneOf('category', columns, exclude.categories),
  ];
  for (const [name, type] of columns) {
    for (const pattern of exclude.patterns) conditions.push(...matches(name, type, pattern));
  }
  return conditions.length === 0 ? 'false' : conditions.map((one) => `coalesce(${one}, false)`).join(' OR ');
}

function oneOf(column: string, columns: KnownTable['columns'], values: readonly string[]): string[] {
  if (!columns.has(column) || values.length === 0) return [];
  return [`CAST(${quoteName(column)} AS VARCHAR) IN (${values.map(quoteText).join(', ')})`];
}

/** Of a list each element on its own, so that `^` and `$` mean what they say; of other nested types their text. */
function matches(column: string, type: string, pattern: string): string[] {
  const name = quoteName(column);
  const regex = quoteText(pattern);
  if (type === 'VARCHAR[]') {
    return [`list_aggregate(list_transform(${name}, lambda x: regexp_matches(x, ${regex})), 'bool_or')`];
  }
  if (!/VARCHAR|JSON|ENUM/.test(type)) return [];
  return [`regexp_matches(CAST(${name} AS VARCHAR), ${regex})`];
}

function excludedByIdSql({ kind, columns }: KnownTable): string {
  const references: [string, Kind][] = [['id', kind]];
  if (kind === 'relation') references.push(['from_entity', 'entity'], ['to_entity', 'entity']);
  const conditions = references
    .filter(([column]) => columns.has(column))
    .map(
      ([column, of]) =>
        `coalesce(CAST(${quoteName(column)} AS VARCHAR) IN (SELECT id FROM ${EXCLUDED_IDS} WHERE kind = ${quoteText(of)}), false)`,
    );
  return conditions.length === 0 ? 'false' : conditions.join(' OR ');
}

/** How many rows of each kind are missing, for the kinds that miss any. */
export function missing(
  all: Readonly<Partial<Record<Kind, number>>>,
  kept: Readonly<Partial<Record<Kind, number>>>,
): Partial<Record<Kind, number>> {
  const excluded: Partial<Record<Kind, number>> = {};
  for (const kind of KINDS) {
    const count = (all[kind] ?? 0) - (kept[kind] ?? 0);
    if (count > 0) excluded[kind] = count;
  }
  return excluded;
}
