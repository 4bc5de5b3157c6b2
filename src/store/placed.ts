import type { MemoryKey, UploadRef } from '../contract/index.js';

/** A placement as a restore drill compares it. */
export interface PlacedMemory extends MemoryKey {
  /** Its number in its own store. */
  pid: number;
  hash: string;
  uploadId: string;
  /** Milliseconds since 1970. */
  ownTime: number;
  /** The object that keeps its row: the number in its own store, and the name, which is the same everywhere. */
  keeperId: number;
  keeper: string;
}

/** All memories of a store, those that are deleted too. */
export interface PlacedStore {
  /** In order of their numbers, from the one behind `after` on. */
  placedPage(after: number, limit: number): Promise<PlacedMemory[]>;
  placedOf(keys: readonly MemoryKey[]): Promise<PlacedMemory[]>;
  /** Of these journal and cold objects the ones on record with a number up to `upTo`. */
  objectsOnRecord(names: readonly string[], upTo: number): Promise<string[]>;
  /** Memories of this own time and before may have expired, milliseconds since 1970. */
  expiryCutoff(): Promise<number>;
  /** Of these uploads the ones that are still to be ingested. */
  pendingAmong(uploads: readonly UploadRef[]): Promise<UploadRef[]>;
}
