import { version as libraryVersion, type DuckDBConnection } from '@duckdb/node-api';
import { AkoshaError, messageOf, withoutValues, type ErrorType } from '../contract/index.js';
import { lacksResources, readerFailed } from './reader-failed.js';
import { quoteText } from './sandbox.js';
import { readHead } from './streams.js';

/** The name under which a foreign file is attached. */
export const SOURCE = 'source';

/** A main header and two database headers of 4 KiB each. Every checkpoint rewrites one of the latter. */
export const DUCKDB_HEADER_BYTES = 3 * 4096;

/** Main header: 8 bytes of checksum, the four letters, then the file version as a 64-bit integer. */
const MAGIC = { offset: 8, text: 'DUCK' } as const;
const VERSION_OFFSET = 12;

/** A foreign file as errors should name it. */
export interface ForeignFile {
  /** What the reader of a message knows it by. */
  label: string;
  /** The private copy that is opened. */
  path: string;
  /** For a file that breaks a rule of the format. */
  brokenType: Extract<ErrorType, 'UploadUnreadable' | 'DatabaseUnreadable'>;
}

/** A file of a version that this build's DuckDB cannot read, and another may. */
export class NewerDatabase extends AkoshaError {
  constructor(file: ForeignFile, version: number, cause: unknown) {
    super(
      'DatabaseUnreadable',
      `${file.label} has DuckDB file version ${version}, which this build (DuckDB ${libraryVersion()}) cannot read`,
      { cause, details: { file: file.label, version } },
    );
  }
}

/**
 * Attaches the private copy as `source`. From `:memory:`, never as the main database: opened directly, a file
 * whose writer died before its first checkpoint fails while its log is replayed.
 *
 * Raises `NewerDatabase` for a file version that this build's DuckDB cannot read, `file.brokenType` for one
 * that is no DuckDB file or a damaged one.
 */
export async function attachForeign(
  connection: DuckDBConnection,
  file: ForeignFile,
  mode: 'READ_ONLY' | 'READ_WRITE',
): Promise<void> {
  const version = await readFileVersion(file);
  try {
    await connection.run(`ATTACH ${quoteText(file.path)} AS ${SOURCE} (TYPE duckdb, ${mode})`);
  } catch (error) {
    if (/version number \d+/.test(messageOf(error))) throw new NewerDatabase(file, version, error);
    throw foreignFault(file, error);
  }
}

async function readFileVersion(file: ForeignFile): Promise<number> {
  const header = await readHead(file.path, DUCKDB_HEADER_BYTES);
  const magic = header.subarray(MAGIC.offset, MAGIC.offset + MAGIC.text.length).toString('latin1');
  if (magic !== MAGIC.text || header.length < DUCKDB_HEADER_BYTES) {
    throw brokenRule(file, `is not a DuckDB file (${MAGIC.text} expected at byte ${MAGIC.offset})`);
  }
  return Number(header.readBigUInt64LE(VERSION_OFFSET));
}

/** A file that breaks a rule of ours or of DuckDB's format. */
export function brokenRule(file: ForeignFile, rule: string, cause?: unknown): AkoshaError {
  return new AkoshaError(file.brokenType, `${file.label} ${rule}`, {
    cause,
    details: { file: file.label, rule },
  });
}

/**
 * What DuckDB raised while it read a foreign file. Out of memory or of disk says nothing about the file, so
 * it is `ReaderFailed` and can be tried again; all else is the file's fault.
 */
export function foreignFault(file: ForeignFile, error: unknown): AkoshaError {
  if (error instanceof AkoshaError) return error;
  // DuckDB's own message names the private copy, which is gone when a person reads it.
  const message = firstLine(withoutValues(messageOf(error).replaceAll(file.path, file.label)));
  const machine = lacksResources(error);
  if (machine || /out of memory|max_temp_directory_size/i.test(messageOf(error))) {
    return readerFailed(`reading ${file.label} ran out of memory or disk: ${message}`, {
      machine,
      cause: error,
    });
  }
  return brokenRule(file, `cannot be read as a DuckDB file: ${message}`, error);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}
