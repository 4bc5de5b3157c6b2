import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { isAkoshaError, KINDS, messageOf, type AkoshaError, type Kind } from '../contract/index.js';
import { KIND_DEFINITIONS } from '../memory/index.js';
import { readForeign } from './convert.js';
import { attachForeign, brokenRule, foreignFault, type ForeignFile } from './database-file.js';
import { exportSql, isList } from './export-sql.js';
import { attachFolded, logsBeside, removeLogs } from './logs.js';
import type { ExportJob, ExportResult } from './messages.js';
import { PARQUET } from './parquet.js';
import { quoteText, withSandbox } from './sandbox.js';
import { countRows, knownTables, type KnownTable } from './source-schema.js';
import { decompressFile, type StoredAndRaw } from './streams.js';
import { withinBytes } from './within-bytes.js';

/** What a row counts as at least against the limit on bytes: a vector alone takes more. A file of some kilobytes can hold any number of equal rows. */
const MIN_ROW_BYTES = 1024;

/** Columns without which a table is not the one its name says. */
const REQUIRED: Readonly<Record<Kind, readonly string[]>> = {
  conversation: ['id', 'content'],
  reflection: ['id', 'content'],
  entity: ['id', 'name'],
  relation: ['id', 'from_entity', 'to_entity'],
};

/**
 * Reads a stored DuckDB file, gzip or not, and writes its memories to `output` as Parquet with exactly
 * `EXPORTED_COLUMNS`.
 *
 * Raises `UploadUnreadable`, naming file and rule, for a file that is not whole, not DuckDB, too large or of
 * another schema; `DatabaseUnreadable` for a newer file version without a reader for it; `ReaderFailed` where memory or disk ran out.
 */
export async function exportDatabase(job: ExportJob): Promise<ExportResult> {
  const file: ForeignFile = {
    label: job.label,
    path: join(job.work, 'source.duckdb'),
    brokenType: 'UploadUnreadable',
  };
  const { stored, raw } = await unpack(job, file, { from: job.stored, to: file.path });
  const logs: ExportResult['logs'] = [];
  for (const log of job.logs) {
    const sums = await unpack(job, file, { from: log.stored, to: file.path + log.suffix });
    logs.push(sumsOf(sums));
  }
  return { ...(await readRows(job, file)), ...sumsOf({ stored, raw }), logs };
}

function sumsOf({ stored, raw }: StoredAndRaw): ExportResult['logs'][number] {
  return {
    storedBytes: stored.bytes,
    storedSha256: stored.sha256,
    rawBytes: raw.bytes,
    rawSha256: raw.sha256,
  };
}

type Rows = Pick<ExportResult, 'rows' | 'skipped' | 'reader'>;

/** With the log's rows, or without them where the log cannot be replayed here either. */
async function readRows(job: ExportJob, file: ForeignFile): Promise<Rows & { logsReplayed: boolean }> {
  try {
    return { ...(await readDatabase(job, file)), logsReplayed: true };
  } catch (error) {
    const unreadable = isAkoshaError(error, file.brokenType) || isAkoshaError(error, 'DatabaseUnreadable');
    if (!unreadable || (await logsBeside(file.path)).length === 0) throw error;
    await removeLogs(file.path);
    return { ...(await readDatabase(job, file)), logsReplayed: false };
  }
}

async function readDatabase(job: ExportJob, file: ForeignFile): Promise<Rows> {
  const limits = { folder: job.work, memoryLimitMb: job.memoryLimitMb, maxSpillBytes: job.maxRawBytes };
  const options = { sandbox: limits, external: job.external, timeoutMs: job.externalTimeoutMs };
  return readForeign(file, options, (readable, reader) =>
    withSandbox({ ...limits, files: [job.output] }, async (connection) => {
      if ((await logsBeside(readable.path)).length > 0) await attachFolded(connection, readable);
      else await attachForeign(connection, readable, 'READ_ONLY');
      try {
        return { ...(await writeParquet(connection, readable, job)), reader };
      } catch (error) {
        throw foreignFault(readable, error);
      }
    }),
  );
}

async function unpack(
  job: ExportJob,
  file: ForeignFile,
  { from, to }: { from: string; to: string },
): Promise<StoredAndRaw> {
  const limit = (total: number): void => {
    if (total > job.maxRawBytes) throw tooLarge(job, file, 'is', 'after decompression');
  };
  try {
    return await decompressFile(from, to, limit);
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^Z_/.test(String(error.code))) {
      throw brokenRule(file, `is not a whole gzip stream: ${messageOf(error)}`, error);
    }
    throw error;
  }
}

async function writeParquet(
  connection: DuckDBConnection,
  file: ForeignFile,
  job: ExportJob,
): Promise<Pick<ExportResult, 'rows' | 'skipped'>> {
  const tables = await knownTables(connection);
  for (const table of tables) checkColumns(file, table);
  const found = await countRows(connection, tables);
  const all = sumOf(found);
  if (all * MIN_ROW_BYTES > job.maxRawBytes)
    throw tooLarge(job, file, `has ${all} rows, which come to`, `at ${MIN_ROW_BYTES} each`);
  await withinBytes(
    () => connection.run(`COPY (${exportSql(tables)}) TO ${quoteText(job.output)} ${PARQUET}`),
    { path: job.output, maxBytes: job.maxRawBytes, interrupt: () => connection.interrupt() },
    () => tooLarge(job, file, 'comes to', 'when its rows are written out'),
  );
  const { rows: written, textBytes } = await readBack(connection, job.output);
  if (textBytes > job.maxRawBytes) throw tooLarge(job, file, 'holds', 'of text');
  const rows: Partial<Record<Kind, number>> = {};
  const skipped: Partial<Record<Kind, number>> = {};
  for (const kind of KINDS) {
    const count = found[kind];
    if (count === undefined) continue;
    rows[kind] = written.get(kind) ?? 0;
    skipped[kind] = count - rows[kind];
  }
  return { rows, skipped };
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

function tooLarge({ maxRawBytes }: ExportJob, file: ForeignFile, verb: string, where: string): AkoshaError {
  return brokenRule(file, `${verb} more than ${maxRawBytes} bytes ${where} (AKOSHA_UPLOAD_MAX_MB)`);
}

interface Written {
  rows: Map<string, number>;
  /** A text that stands in many rows costs the file little, and whoever stores the rows all of it. */
  textBytes: number;
}

/**
 * Counts what was written, and reads every text on the way: a hostile file can hold text that is not UTF-8,
 * and whoever reads the Parquet next must not be the one to find out.
 */
async function readBack(connection: DuckDBConnection, output: string): Promise<Written> {
  const reader = await connection.runAndReadAll(
    `SELECT kind, count(*), sum(length(memory_id)), sum(length(project)), sum(length(array_to_string(tags, ''))),
       sum(length(content)), sum(length(fields)), sum(strlen(content) + strlen(fields))
     FROM read_parquet(${quoteText(output)}) GROUP BY kind`,
  );
  const groups = reader.getRows();
  return {
    rows: new Map(groups.map(([kind, count]) => [String(kind), Number(count)])),
    textBytes: groups.reduce((sum, group) => sum + Number(group.at(-1)), 0),
  };
}
