import type { Kind } from '../contract/index.js';

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
  /** Path of a merged export. */
  rows: string;
  scratch: string;
  /** Path of the JSON lines to write. */
  output: string;
}
