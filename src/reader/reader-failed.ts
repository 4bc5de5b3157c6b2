import { AkoshaError, isAkoshaError, messageOf } from '../contract/index.js';

/**
 * `ReaderFailed`. `machine`: the fault is not the file's, because the reader never came to open it, or because what it lacked
 * is short for every file.
 */
export function readerFailed(
  message: string,
  { machine = false, cause }: { machine?: boolean; cause?: unknown } = {},
): AkoshaError {
  return new AkoshaError('ReaderFailed', message, { cause, details: { machine } });
}

/** Whether a `ReaderFailed` says nothing of the file: another file would have failed as well, and this one may be read later. */
export function isMachineFault(error: unknown): boolean {
  return isAkoshaError(error, 'ReaderFailed') && error.details['machine'] === true;
}

/** What Node and DuckDB say where the disk is full or file handles are used up. The limits that a reader is given are not among it. */
export function lacksResources(error: unknown): boolean {
  return /no space left|disk quota exceeded|too many open files/i.test(messageOf(error));
}
