import type { UploadRef } from '../../contract/index.js';
import type { ObjectStore } from '../../objects/index.js';
import type { HashFile } from '../backup/hash-file.js';
import type { FoundUpload, StoreRebuild } from '../../store/index.js';

export interface RebuildProgress {
  step: 'waiting' | 'tombstones' | 'backup' | 'uploads' | 'ledger' | 'objects' | 'finishing';
  done: number;
  /** Null while it is not known. */
  total: number | null;
}

/** What a rebuild works with. */
export interface RebuildContext {
  rebuild: StoreRebuild;
  /** `systems/`. */
  uploads: ObjectStore;
  /** `journal/`, `cold/`, `tombstones/` and `backup/`. */
  archive: ObjectStore;
  /** A folder for files in transit. */
  scratch: string;
  /** What the manifest at a place says; undefined where none stands. */
  readManifest: (place: UploadRef, signal?: AbortSignal) => Promise<FoundUpload | undefined>;
  hashFile: HashFile;
  /** The longest request and the longest search, in milliseconds: for so long after its end writes of the old server may still land. */
  longestMs: number;
  /** Since when the old server is certainly dead, milliseconds since 1970; by default since the rebuild was begun. */
  oldServerDeadSince: number | null;
  /** Leave out objects whose bytes are not what was written, and name them in the answer; otherwise they end the rebuild. */
  skipDamaged: boolean;
  /** The system's clock, milliseconds since 1970. */
  now: () => number;
  onProgress: (progress: RebuildProgress) => void;
  /** Told of each backup that is not what was written, and is passed over. */
  onDamaged: (key: string) => void;
  signal?: AbortSignal;
}

/** Requests at once: enough to hide the store's latency, few enough to spare its connections. */
export const AT_ONCE = 16;

/** Places, names or receipts per transaction of the catalog. */
export const PAGE = 1_000;

/** Does `work` for all, some at once, and returns in their order what it gave. */
export async function eachOf<Item, T>(
  items: readonly Item[],
  work: (item: Item) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < items.length; i += AT_ONCE)
    results.push(...(await Promise.all(items.slice(i, i + AT_ONCE).map(work))));
  return results;
}

/** The form in which the object store takes a signal that may be missing. */
export function signalOption({ signal }: Pick<RebuildContext, 'signal'>): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
