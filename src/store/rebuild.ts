import type { UploadRef } from '../contract/index.js';
import type { Receipt } from '../memory/index.js';
import type { ExpiryLedger } from './expiry.js';
import type { ForgetStore } from './forgetting.js';
import type { PlacedStore } from './placed.js';
import type { ScrubStore } from './scrub.js';
import type { FoundUpload } from './uploads.js';

/** What a rebuild does once, in this order; each may be done again from its beginning without harm. */
export type RebuildStep = 'tombstones' | 'backup' | 'uploads' | 'ledger' | 'objects';

/** What stands of an upload in object storage. */
export interface StandingUpload {
  place: UploadRef;
  hasManifest: boolean;
  /** When its receipt was put, by the object store's clock: milliseconds since 1970; null where it has none. */
  receiptAt: number | null;
}

export interface FoundReceipt {
  place: UploadRef;
  receipt: Receipt;
}

/** A journal or cold object that is to be read. */
export interface QueuedObject {
  /** Its place in the queue. */
  seq: number;
  name: string;
  kind: 'journal' | 'cold';
  bytes: number;
}

/** One that was fetched. */
export interface FetchedObject extends QueuedObject {
  file: string;
  sha256: string;
}

export interface RebuildCounts {
  /** Memories placed; those that are deleted are none. */
  memories: number;
  journals: number;
  cold: number;
  /** Of uploads that are to be ingested anew, or were never ingested. */
  ignored: number;
  damaged: string[];
  uploads: number;
  /** To be ingested by the server. */
  pending: number;
  tombstones: number;
}

/**
 * A store that is being rebuilt from object storage: see docs/reference/protocol.md. What was done survives a crash, and whoever opens the
 * rebuild again goes on from there. Nobody else can open the store until `finish`.
 */
export interface StoreRebuild extends PlacedStore, Pick<ScrubStore, 'scrubRows'> {
  /** By the system's clock, milliseconds since 1970; of a rebuild that goes on, when it was begun first. */
  readonly begunAt: number;
  /** Once nothing of the old server can land any more: ids are above all that it used. */
  startEpoch(): Promise<void>;
  isDone(step: RebuildStep): Promise<boolean>;
  markDone(step: RebuildStep): Promise<void>;

  /** As of any store; before anything is placed. */
  loadTombstones(...standing: Parameters<ForgetStore['loadTombstones']>): Promise<void>;

  /** As of any store; what they tell of is gone once the rebuild ends. */
  loadExpiries: ExpiryLedger['loadExpiries'];

  /** Takes in a file that `writeBackup` wrote, taken at this instant (milliseconds since 1970): before uploads are noted. Returns its rows. */
  restoreBackup(file: string, takenAt: number): Promise<number>;

  /** Once all are noted, `settleUploads` makes the ledger agree with what stands. */
  noteUploads(standing: readonly StandingUpload[]): Promise<void>;
  settleUploads(): Promise<void>;
  /** Places of manifests of which the ledger knows nothing, in order, from the one behind `after` on. */
  unknownPlaces(after: UploadRef | null, limit: number): Promise<UploadRef[]>;
  queueUploads(found: readonly FoundUpload[]): Promise<void>;
  /** Places of receipts that say what the ledger does not, in order. */
  untoldReceipts(after: UploadRef | null, limit: number): Promise<UploadRef[]>;
  adoptReceipts(receipts: readonly FoundReceipt[]): Promise<void>;

  noteObjects(objects: readonly { name: string; bytes: number }[]): Promise<void>;
  /** All that are noted, once: cold objects first, then journals, those of the newest uploads first. */
  queueObjects(): Promise<void>;
  /** Those that are not taken yet, in order, from the one behind `after` on. */
  queuedObjects(after: number, limit: number): Promise<QueuedObject[]>;
  /** Of one kind. Each row that is newer than what stands is written and placed; all of it or nothing. Returns the rows read. */
  takeObjects(objects: readonly FetchedObject[], signal?: AbortSignal): Promise<number>;
  /** Leaves one out for good. */
  markDamaged(object: QueuedObject): Promise<void>;
  progress(): Promise<{ taken: number; objects: number; memories: number }>;

  /** From here on the store is one like any other. */
  finish(): Promise<RebuildCounts>;
  close(): Promise<void>;
}
