import path from 'node:path';
import type { KnownList, ListBounds, UploadRecord } from '../store/index.js';
import type { IngestContext } from './context.js';

/** Below, all rows of an upload are written out in a tenth of a second, and a list would cost more than it saves. */
const MIN_UPLOAD_BYTES = 1_048_576;

/**
 * Stored bytes to a listed memory. A common row with its vector takes 1.4 KB: of an upload that has five times as many as the store, at
 * most a fifth can be left out, which is about what the comparison costs. The least are so few that to list memories which the upload does
 * not have costs no more than to unpack it.
 */
const MOST_BYTES_PER_MEMORY = 7_000;
const LEAST_BYTES_PER_MEMORY = 64;

/** Some 100 MB on the disk, and a second of the catalog's threads; a system of more is read whole each time. */
const MOST_MEMORIES = 1_000_000;

/** Of their list. An id may have a thousand characters: such ones are not listed by the gigabyte. */
const MOST_LIST_BYTES = 256 * 2 ** 20;

/** A list for readers of what the store has of an upload's system. */
export interface KnownFile {
  path: string;
  list: KnownList;
}

/** Undefined where all that the upload has is to be written out. `storedBytes` are those of all its files. */
export async function listKnown(
  { store }: IngestContext,
  { systemId, uploadId }: UploadRecord,
  { storedBytes, scratch }: { storedBytes: number; scratch: string },
  signal?: AbortSignal,
): Promise<KnownFile | undefined> {
  if (storedBytes < MIN_UPLOAD_BYTES) return undefined;
  const bounds: ListBounds = {
    least: storedBytes / MOST_BYTES_PER_MEMORY,
    most: Math.min(Math.floor(storedBytes / LEAST_BYTES_PER_MEMORY), MOST_MEMORIES),
    mostBytes: MOST_LIST_BYTES,
  };
  const file = path.join(scratch, 'known.csv');
  const list = await store.listKnown({ systemId, uploadId }, file, bounds, signal);
  return list === undefined ? undefined : { path: file, list };
}
