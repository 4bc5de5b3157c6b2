import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AkoshaError, KINDS, messageOf, withoutValues } from '../contract/index.js';
import { KIND_DEFINITIONS } from '../memory/index.js';
import { NewerDatabase, SOURCE, type ForeignFile } from './database-file.js';
import {
  externalReaders,
  READER_REMEDY,
  type ExternalReader,
  type ExternalReaderOptions,
} from './external-reader.js';
import { refuseStrangeLog } from './logs.js';
import { OWN_READER } from './own-reader.js';
import { runProgram } from './program.js';
import { lacksResources } from './reader-failed.js';
import { quoteName, quoteText, sandboxSql, type SandboxOptions } from './sandbox.js';

export interface ConvertOptions {
  /** Its folder takes the outcome. */
  sandbox: SandboxOptions;
  external: ExternalReaderOptions;
  /** For one reader. */
  timeoutMs: number;
}

/** The oldest version that today's libraries write; every build of this program reads it. */
export const STORAGE_VERSION = 'v1.0.0';

/**
 * No reader could: `DatabaseUnreadable`, or `ReaderFailed` where one ran out of memory, disk or time.
 */
export class Unconverted extends AkoshaError {}

/**
 * Reads a private copy: `read` is given it with this build's own reader or, where it is too new for that, a conversion of it with
 * the name of the reader that made it. Raises what `read` does, and `Unconverted`.
 */
export async function readForeign<T>(
  file: ForeignFile,
  options: ConvertOptions,
  read: (file: ForeignFile, reader: string) => Promise<T>,
): Promise<T> {
  try {
    return await read(file, OWN_READER);
  } catch (error) {
    if (!(error instanceof NewerDatabase)) throw error;
    const { path, reader } = await convertNewer(file, error, options);
    return read({ ...file, path }, reader);
  }
}

/**
 * Has the known tables of a newer file, its log included, written to a file that this build reads, by the first external reader
 * that can. The private copy is folded on the way.
 */
async function convertNewer(
  file: ForeignFile,
  newer: NewerDatabase,
  options: ConvertOptions,
): Promise<{ path: string; reader: string }> {
  const reasons: string[] = [];
  let exhausted = false;
  let machine = false;
  const passedOver = (reason: string): void => void reasons.push(`reader_command ${reason}`);
  for await (const reader of externalReaders(options.external, passedOver)) {
    try {
      return { path: await convertWith(reader, file, options), reader: reader.name };
    } catch (error) {
      machine ||= lacksResources(error);
      exhausted ||= machine || isExhausted(error);
      reasons.push(`${reader.name}: ${withoutValues(messageOf(error)).replaceAll(file.path, file.label)}`);
    }
  }
  const why = reasons.length === 0 ? READER_REMEDY : `${reasons.join('; ')}; ${READER_REMEDY}`;
  throw new Unconverted(exhausted ? 'ReaderFailed' : newer.type, `${newer.message}: ${why}`, {
    cause: newer,
    details: { ...newer.details, machine },
  });
}

/** DuckDB's words for its limits, and ours for time. */
function isExhausted(error: unknown): boolean {
  return /out of memory|max_temp_directory_size|not done after/i.test(messageOf(error));
}

async function convertWith(
  reader: ExternalReader,
  file: ForeignFile,
  { sandbox, timeoutMs }: ConvertOptions,
): Promise<string> {
  const execute = (...statements: string[]): Promise<string> =>
    runProgram(reader.command, {
      input: [...sandboxSql(sandbox), ...statements].map((statement) => `${statement};\n`).join(''),
      cwd: sandbox.folder,
      environment: reader.environment,
      timeoutMs,
    });
  // A file rather than what the program prints: each prints in its own way.
  const list = join(sandbox.folder, `tables-${reader.source}.csv`);
  const target = join(sandbox.folder, `converted-${reader.source}.duckdb`);
  // What an attempt before this one may have left.
  await rm(target, { force: true });
  await execute(
    `ATTACH ${quoteText(file.path)} AS ${SOURCE} (TYPE duckdb, READ_WRITE)`,
    `CHECKPOINT ${SOURCE}`,
    `COPY (${tableNamesSql()}) TO ${quoteText(list)} (FORMAT csv, HEADER false)`,
  );
  await refuseStrangeLog(file);
  const tables = (await readFile(list, 'utf8')).split('\n').filter((name) => name !== '');
  await execute(
    `ATTACH ${quoteText(file.path)} AS ${SOURCE} (TYPE duckdb, READ_ONLY)`,
    `ATTACH ${quoteText(target)} AS target (STORAGE_VERSION ${quoteText(STORAGE_VERSION)})`,
    // Not the whole database: a view, an index or a type that is new would fail it, and only these tables are ever read.
    ...tables.map(
      (name) => `CREATE TABLE target.main.${quoteName(name)} AS FROM ${SOURCE}.main.${quoteName(name)}`,
    ),
    'DETACH target',
  );
  return target;
}

/** The names of `KIND_DEFINITIONS` in any case; none of them needs quotes in a CSV file. */
function tableNamesSql(): string {
  const known = KINDS.flatMap((kind) => KIND_DEFINITIONS[kind].tables.map(({ name }) => quoteText(name)));
  return (
    `SELECT table_name FROM duckdb_tables() WHERE database_name = ${quoteText(SOURCE)} AND schema_name = 'main' ` +
    `AND NOT internal AND lower(table_name) IN (${known.join(', ')}) ORDER BY table_name`
  );
}
