import type { Kind } from '../contract/index.js';
import type { LogSuffix } from './log-suffixes.js';
import type { Exclusions } from './messages.js';

export interface SnapshotRequest {
  /** Path of the live database. */
  database: string;
  /** An existing folder for the result; scratch is made inside it and removed. */
  folder: string;
  /** Plain file name of the result. */
  name: string;
  /** What is kept back; by default nothing. */
  exclude?: Exclusions;
  /** By default gzip. */
  compression?: 'gzip' | 'none';
  /** zlib's, 1 to 9; by default its own default, 6. */
  compressionLevel?: number;
}

export interface DatabaseRequest {
  /** Path of the file as stored: gzip or bare. */
  stored: string;
  /** What errors call the file; by default its own name. Of two rows of one memory, that of the label that sorts first wins. */
  label?: string;
  /** The database's logs, stored in the same ways, by what their name adds to the database's. */
  logs?: readonly { stored: string; suffix: LogSuffix }[];
  /** Whether the others are worth having without it. By default not. */
  mayFail?: boolean;
}

export interface ReadRequest {
  /** Those of one upload; at least one. */
  databases: readonly DatabaseRequest[];
  /** Path of the Parquet to write; on the file system of the pool's folder it costs nothing more. */
  output: string;
  /**
   * Path of a list of `KNOWN_COLUMNS`, of memories that the store has: what the databases have of them, with the same content, is not
   * written out. By default all is.
   */
  known?: string | undefined;
  /** IANA zone of the writer's timestamps. */
  timeZone: string;
  /** Milliseconds since 1970, by the host's clock and by the setting's. */
  uploadedAt: number;
  asOf: number;
}

export interface BuildRequest {
  /** Path of rows in the row format (see `buildDatabase`). */
  rows: string;
  /** The kinds that get a table. Every row is of one of them. */
  kinds: readonly Kind[];
  /** An existing folder, on one file system with `output`, in which scratch is made and removed. */
  scratch: string;
  output: string;
  /** By default none. */
  compression?: 'gzip' | 'none';
}

export interface ListRequest {
  /** Path of a merged export; to pack, of JSON lines. */
  rows: string;
  scratch: string;
  /** Path of the JSON lines to write, or of the Parquet. */
  output: string;
}
