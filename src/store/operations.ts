import type { HeldRows, Kind, RowCounts, UploadRef } from '../contract/index.js';
import type { FailPoint } from '../faults/index.js';
import type { RowKey } from '../memory/index.js';
import type { IngestedFile } from './uploads.js';

/** What an ingest brings: one Parquet file of `BATCH_COLUMNS`, one row per key. */
export interface IngestBatch {
  upload: UploadRef;
  rowsFile: string;
  /** Of all its rows; null where the store has to read them from the file. */
  keys: readonly RowKey[] | null;
  /** The rows that are not in `rowsFile`, because they are as the store listed them; null: none is left out. */
  known: KnownUnchanged | null;
  /** The kinds of which the upload has all that its host has: only of these can a memory be absent. */
  covers: readonly Kind[];
  /** Those of them of which what is absent is deleted: none where the system is not mirrored. */
  mirrors: readonly Kind[];
  files: readonly IngestedFile[];
  /** Rows that its files have beside those in `rowsFile`, left out because they lack what a memory needs. */
  refused: number;
  reader: string;
  /** By the setting's clock, milliseconds since 1970: decides hot or warm. */
  asOf: number;
}

/** What the store listed of a system, and what of it stands in an upload with the same content. */
export interface KnownUnchanged {
  list: KnownList;
  /** The numbers of all that does not. */
  missing: readonly number[];
}

/** How many memories a list may have, so that it costs less than it saves. */
export interface ListBounds {
  least: number;
  most: number;
  /** Of the list's file. */
  mostBytes: number;
}

/** What a list of memories depends on: it holds while this is the same. */
export interface KnownState {
  /** The last place before the upload of which rows may still come: what stands there or before has to be written anew. */
  gap: { order: number; uploadId: string };
  /** The operation that placed rows of the system last since the store was opened; 0: none did. Never the same for two. */
  placedBy: number;
  /** What is forgotten of the system, as JSON. */
  tombstones: string;
}

/** Made by `listKnown`. */
export interface KnownList {
  rows: number;
  state: KnownState;
}

/** An object in object storage that an operation wrote and read back. */
export interface WrittenObject {
  name: string;
  bytes: number;
  sha256: string;
}

export interface ObjectPut {
  file: string;
  /** Where the object is read back to, unless it is small enough to be compared in memory. */
  back: string;
  /** Have it there whatever its size, for who reads on. */
  keepsBack?: boolean;
  name: (sha256: string) => string;
  /** Reached between the put and the read. */
  failPoint: FailPoint;
}

/**
 * An open operation. Steps must be called in order; each fails with `OperationClosed` once somebody else closed it, with
 * `Cancelled` once the signal that it was opened with is raised, and a write runs only while it is open. `close` aborts it unless
 * it was committed, and frees what it holds; call it always.
 */
export interface Operation {
  readonly opId: number;
  /** Runs a write of this operation. Closing waits for it, after raising `signal`. */
  write<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /**
   * Puts a file as an object, create-only, under a name made of its SHA-256; fetches it to `back`, and fails with
   * `ObjectCorrupt` unless what came back is what went out.
   */
  putObject(put: ObjectPut): Promise<WrittenObject>;
  close(): Promise<void>;
}

export interface IngestOperation extends Operation {
  /** How many rows have to be written, deletions included. */
  readonly writes: number;
  insertRows(): Promise<void>;
  /** Writes the rows, with their row ids, to a Parquet file: the journal object's content. */
  exportJournal(path: string): Promise<void>;
  /** The one transaction. `journal` is required where `writes` is above 0. */
  commit(journal: WrittenObject | undefined): Promise<RowCounts>;
}

/** What a move came to. The rows held stay where they are, out of moves for a day. */
export interface MoveOutcome {
  moved: number;
  held: HeldRows[];
}

export interface MoveOperation extends Operation {
  readonly rows: number;
  copyRows(): Promise<void>;
  /** Reads the copies back. A row whose copy differs is held by the commit, and the others are moved. */
  verifyCopies(): Promise<void>;
  /** Counts it in the report of a transition, if one is named. */
  commit(transitionId?: string): Promise<MoveOutcome>;
}

export interface ColdPartitionDue {
  systemId: string;
  year: number;
  month: number;
  rows: number;
}

export interface ColdOperation extends Operation {
  readonly rows: number;
  /** How many of them stand where their placements say. Where it is 0 there is no object to write. */
  readonly found: number;
  readonly batchId: number;
  exportObject(path: string): Promise<void>;
  /**
   * Compares the rows of an object that was read back with their sources; keeps the file as the cached copy. A row that differs is held by
   * the commit, and the others are moved.
   */
  verifyObject(path: string, object: WrittenObject): Promise<void>;
  /** `object` is required where `found` is above 0. */
  commit(object: WrittenObject | undefined, transitionId?: string): Promise<MoveOutcome>;
}
