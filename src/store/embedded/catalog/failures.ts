import { dirname } from 'node:path';
import { AkoshaError, isAkoshaError, messageOf, type ErrorType } from '../../../contract/index.js';

/** What a call of the catalog failed with, as it goes from its thread to the main one. */
export interface CatalogFailure {
  type: ErrorType | undefined;
  message: string;
}

/**
 * What an error of SQLite, or of a file that the catalog's threads write, means for the store in the folder of `path`. SQLite checks no sums: it finds
 * damage where a page is none, and what it reads of others counts.
 */
export function failureOf(error: unknown, path: string): CatalogFailure {
  const message = messageOf(error);
  if (isAkoshaError(error)) return { type: error.type, message };
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return {
      type: 'StoreDamaged',
      message: `${path} is damaged (${message}): stop the server, move ${dirname(path)} away, and make the store anew with \`akosha rebuild\``,
    };
  }
  if (/^(SQLITE_FULL|ENOSPC|EDQUOT|EFBIG)/.test(code)) {
    return {
      type: 'DiskFull',
      message: `no room is left for ${dirname(path)} or what is written beside it (data_dir, AKOSHA_DATA_DIR): ${message}`,
    };
  }
  return { type: undefined, message };
}

/** The error that the main thread raises of it. */
export function revive({ type, message }: CatalogFailure): Error {
  return type === undefined ? new Error(`catalog: ${message}`) : new AkoshaError(type, message);
}
