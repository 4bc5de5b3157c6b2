import { KINDS } from '../contract/index.js';
import type { UploadedFile } from '../memory/index.js';
import type { DatabaseRead } from '../reader/index.js';
import type { UploadRecord } from '../store/index.js';
import type { FetchedDatabase } from './databases.js';
import { unreadable } from './unreadable.js';

type Sums = DatabaseRead['logs'][number];

/**
 * Whatever the manifest says of a database and its logs has to be so; an original one says nothing. Raises `UploadUnreadable`.
 */
export function checkSums(record: UploadRecord, { file, logs }: FetchedDatabase, result: DatabaseRead): void {
  checkBytes(record, file, result);
  for (const [at, log] of logs.entries()) {
    const sums = result.logs[at];
    if (sums !== undefined) checkBytes(record, log.file, sums);
  }
  // Of a flagged one the host counted none, or those before its log.
  if (file.flags.length === 0) checkRows(record, file, result);
}

function checkBytes(record: UploadRecord, file: UploadedFile, result: Sums): void {
  const claims = [
    ['stored bytes', file.storedBytes, result.storedBytes],
    ['SHA-256 of the stored bytes', file.storedSha256, result.storedSha256],
    ['raw bytes', file.rawBytes, result.rawBytes],
    ['SHA-256 of the raw bytes', file.rawSha256, result.rawSha256],
  ] as const;
  for (const [what, claimed, found] of claims) {
    if (claimed !== null && claimed !== found) {
      throw unreadable(record, `file ${file.name}: the manifest says ${what} ${claimed}, found ${found}`);
    }
  }
}

function checkRows(record: UploadRecord, file: UploadedFile, result: DatabaseRead): void {
  for (const kind of KINDS) {
    const claimed = file.rows?.[kind];
    // The host counts every row of its tables, also those that say nothing.
    const found = (result.rows[kind] ?? 0) + (result.skipped[kind] ?? 0);
    if (claimed !== undefined && claimed !== found) {
      throw unreadable(
        record,
        `file ${file.name}: the manifest says ${claimed} ${kind} rows, found ${found}`,
      );
    }
  }
}
