import type { DuckDBConnection } from '@duckdb/node-api';
import { KINDS, type AkoshaError, type Kind } from '../contract/index.js';
import { KIND_DEFINITIONS, type RowKey } from '../memory/index.js';
import { brokenRule, type ForeignFile } from './database-file.js';
import { exportSql, isList } from './export-sql.js';
import type { DatabaseJob } from './export-database.js';
import { havePlaces, matchKnown, unknownSql, writePassed, type PassedRows } from './known-rows.js';
import { RowKeySchema, type DatabaseRead } from './messages.js';
import { PARQUET } from './parquet.js';
import { quoteText } from './sandbox.js';
import { countRows, knownTables, type KnownTable } from './source-schema.js';
import { withinBytes } from './within-bytes.js';

/** What a row counts as at least against the limit on bytes: a vector alone takes more. A file of some kilobytes can hold any number of equal rows. */
export const MIN_ROW_BYTES = 1024;

/** Columns without which a table is not the one its name says. */
const REQUIRED: Readonly<Record<Kind, readonly string[]>> = {
  conversation: ['id', 'content'],
  reflection: ['id', 'content'],
  entity: ['id', 'name'],
  relation: ['id', 'from_entity', 'to_entity'],
};

/** What was written of one database. */
export interface WrittenRows {
  /** How many. */
  written: number;
  /** Theirs; null where there are many. */
  keys: RowKey[] | null;
  /** Null where all rows were written. */
  passed: PassedRows | null;
}

/**
 * Writes the memories of the attached file to `job.output`, and counts them; those that `job.known` lists as they are it counts alone.
 * Raises what breaks a rule of ours as the file's fault.
 */
export async function writeExport(
  connection: DuckDBConnection,
  file: ForeignFile,
  job: DatabaseJob,
): Promise<Pick<DatabaseRead, 'rows' | 'skipped'> & WrittenRows> {
  const tables = await knownTables(connection);
  for (const table of tables) checkColumns(file, table);
  const found = await countRows(connection, tables);
  const all = sumOf(found);
  if (all * MIN_ROW_BYTES > job.maxRawBytes)
    throw tooLarge(job, file, `has ${all} rows, which come to`, `at ${MIN_ROW_BYTES} each`);
  const known = job.known !== undefined && havePlaces(tables) ? job.known : undefined;
  const usable = known === undefined ? undefined : await matchKnown(connection, tables, known);
  const rowsSql = known === undefined ? exportSql(tables, job.times) : unknownSql(tables, job.times);
  const { rowsChanged } = await withinBytes(
    () => connection.run(`COPY (${rowsSql}) TO ${quoteText(job.output)} ${PARQUET}`),
    { path: job.output, maxBytes: job.maxRawBytes, interrupt: () => connection.interrupt() },
    () => tooLarge(job, file, 'comes to', 'when its rows are written out'),
  );
  const {
    rows: written,
    textBytes,
    keys,
  } = await (job.wantsKeys && rowsChanged <= MOST_KEYS ? readKeys : readBack)(connection, job.output);
  if (textBytes > job.maxRawBytes) throw tooLarge(job, file, 'holds', 'of text');
  const rows: Partial<Record<Kind, number>> = {};
  const skipped: Partial<Record<Kind, number>> = {};
  for (const kind of KINDS) {
    const count = found[kind];
    if (count === undefined) continue;
    rows[kind] = (usable ?? written).get(kind) ?? 0;
    skipped[kind] = count - rows[kind];
  }
  return {
    rows,
    skipped,
    written: [...written.values()].reduce((sum, count) => sum + count, 0),
    keys,
    passed: known === undefined ? null : await writePassed(connection, `${job.output}.passed`),
  };
}

function checkColumns(file: ForeignFile, { kind, name, columns }: KnownTable): void {
  for (const column of REQUIRED[kind]) {
    if (!columns.has(column)) throw brokenRule(file, `has a table ${name} without the column ${column}`);
  }
  for (const { name: column, type } of KIND_DEFINITIONS[kind].hashed) {
    const actual = columns.get(column);
    if (type === 'list' && actual !== undefined && !isList(actual)) {
      throw brokenRule(file, `has in table ${name} the column ${column} as ${actual}; it must be a list`);
    }
  }
}

function sumOf(counts: Partial<Record<Kind, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Says what of a file is above the limit on bytes. */
export function tooLarge(
  { maxRawBytes }: DatabaseJob,
  file: ForeignFile,
  verb: string,
  where: string,
): AkoshaError {
  return brokenRule(file, `${verb} more than ${maxRawBytes} bytes ${where} (AKOSHA_UPLOAD_MAX_MB)`);
}

interface Written {
  rows: Map<string, number>;
  /** A text that stands in many rows costs the file little, and whoever stores the rows all of it. */
  textBytes: number;
  keys: RowKey[] | null;
}

/** Of a database that has more, whoever needs the keys reads them from the Parquet: to pass so many on takes as long. */
const MOST_KEYS = 2_048;

/** Of ids and projects: a project may be of any length. */
const MOST_KEY_CHARACTERS = 1_000_000;

/** What makes DuckDB look at every text of a row. */
const LENGTHS = ['memory_id', 'project', `array_to_string(tags, '')`, 'content', 'fields'].map(
  (text) => `length(${text})`,
);

const TEXT_BYTES = 'strlen(content) + strlen(fields)';

/**
 * Counts what was written, and reads every text on the way: a hostile file can hold text that is not UTF-8,
 * and whoever reads the Parquet next must not be the one to find out.
 */
async function readBack(connection: DuckDBConnection, output: string): Promise<Written> {
  const sums = LENGTHS.map((length) => `sum(${length})`).join(', ');
  const reader = await connection.runAndReadAll(
    `SELECT kind, count(*), ${sums}, sum(${TEXT_BYTES}) FROM read_parquet(${quoteText(output)}) GROUP BY kind`,
  );
  const groups = reader.getRows();
  return {
    rows: new Map(groups.map(([kind, count]) => [String(kind), Number(count)])),
    textBytes: groups.reduce((sum, group) => sum + Number(group.at(-1)), 0),
    keys: null,
  };
}

/** The same of few rows, with their keys. */
async function readKeys(connection: DuckDBConnection, output: string): Promise<Written> {
  const reader = await connection.runAndReadAll(
    `SELECT file_row_number, kind, memory_id, hash, epoch_ms(own_time), project, ${LENGTHS.join(', ')}, ${TEXT_BYTES}
     FROM read_parquet(${quoteText(output)}, file_row_number = true)`,
  );
  const rows = new Map<string, number>();
  let textBytes = 0;
  let characters = 0;
  const keys = reader.getRows().map((row): RowKey => {
    const [n, kind, memoryId, hash, ownTime, project] = row;
    rows.set(String(kind), (rows.get(String(kind)) ?? 0) + 1);
    textBytes += Number(row.at(-1));
    characters += Number(row[6]) + Number(row[7] ?? 0);
    return RowKeySchema.parse({ n: Number(n), kind, memoryId, hash, ownTime: Number(ownTime), project });
  });
  return { rows, textBytes, keys: characters > MOST_KEY_CHARACTERS ? null : keys };
}
