import { KINDS, type Kind } from '../contract/index.js';
import type { FileFlag, UploadedFile } from '../memory/index.js';
import { LOG_SUFFIXES, type DatabaseRead } from '../reader/index.js';
import type { IngestedFile } from '../store/index.js';

/** A file of an upload, fetched. */
export interface FetchedFile {
  /** Where it lies. */
  stored: string;
  file: UploadedFile;
}

/** A database of an upload with the logs that were uploaded beside it. */
export interface FetchedDatabase extends FetchedFile {
  logs: (FetchedFile & { suffix: (typeof LOG_SUFFIXES)[number] })[];
}

/** A host that could not read the database says so in place of a reader's name. */
const NO_READER = 'none';

/** Whether a file is there for another's sake. */
function isLog({ file }: FetchedFile): boolean {
  return hasFlag(file, 'log');
}

export function hasFlag({ flags }: UploadedFile, flag: FileFlag): boolean {
  return flags.includes(flag);
}

/** The databases of an upload, each with its logs. A log of a database that the upload does not hold is passed over. */
export function databasesOf(files: readonly FetchedFile[]): FetchedDatabase[] {
  const logs = files.filter(isLog);
  return files
    .filter((file) => !isLog(file))
    .map((database) => ({
      ...database,
      logs: LOG_SUFFIXES.flatMap((suffix) => {
        const log = logs.find(({ file }) => file.name === database.file.name + suffix);
        return log === undefined ? [] : [{ ...log, suffix }];
      }),
    }));
}

/** What read a database: on the host, and here, where that was another. */
export function readersOf({ file }: FetchedFile, result: DatabaseRead): string[] {
  const onHost = file.reader === null || file.reader === NO_READER ? [] : [file.reader];
  return [...new Set([...onHost, result.reader])];
}

/** A database as a receipt lists it: with the flags that still hold, now that it was read here. */
export function describeRead(database: FetchedDatabase, result: DatabaseRead): IngestedFile[] {
  const { file, logs } = database;
  // The rows of a log are here where it came along and could be replayed; an excluding host keeps it back.
  const replayed = result.logsReplayed && (logs.length > 0 || !hasFlag(file, 'log_not_replayed'));
  return [
    {
      name: file.name,
      checksum: result.storedSha256,
      raw_checksum: result.rawSha256,
      reader: readersOf(database, result).join(', '),
      flags: replayed ? [] : ['log_not_replayed'],
      excluded: { ...file.excluded },
      ...(Object.keys(result.refused).length === 0 ? {} : { refused: result.refused }),
    },
    ...logs.map((log, at) => ({
      name: log.file.name,
      checksum: result.logs[at]?.storedSha256 ?? '',
      raw_checksum: result.logs[at]?.rawSha256 ?? '',
      flags: ['log'],
    })),
  ];
}

/** A database that nothing here could read, as a receipt lists it beside those that were. */
export function describeUnread({ file, logs }: FetchedDatabase, reason: string): IngestedFile[] {
  return [{ file, reason }, ...logs].map(({ file: { name, storedSha256, rawSha256, flags }, ...rest }) => ({
    name,
    checksum: storedSha256 ?? '',
    raw_checksum: rawSha256 ?? '',
    flags: [...flags],
    ...('reason' in rest ? { reason: rest.reason } : {}),
  }));
}

/** Rows that hosts' settings kept back, of all files. */
export function sumExcluded(files: readonly IngestedFile[]): Partial<Record<Kind, number>> {
  const sum: Partial<Record<Kind, number>> = {};
  for (const { excluded = {} } of files) {
    for (const kind of KINDS) {
      const count = excluded[kind];
      if (count !== undefined) sum[kind] = (sum[kind] ?? 0) + count;
    }
  }
  return sum;
}
