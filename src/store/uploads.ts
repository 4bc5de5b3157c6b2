import type { Kind, RowCounts, SystemId, UploadRef, UploadState } from '../contract/index.js';

/** An upload that discovery came across. */
export interface FoundUpload extends UploadRef {
  /** The names of its folders, where they are not its ids. */
  place?: UploadRef;
  /** What its system calls itself, where that is not its id. */
  systemName?: string;
  order: number;
  /** The order of the host's upload before it; null where there is none or the manifest does not say. */
  previousOrder: number | null;
  /** Whether more uploads of its order may come (see `Manifest.partial`). */
  partial?: boolean;
  manifestSha256: string;
  /** Milliseconds since 1970, by the host's clock. */
  createdAt: number;
}

export interface KnownUpload {
  place: UploadRef;
  ref: UploadRef;
  state: UploadState;
}

export interface IngestedFile {
  name: string;
  checksum: string;
  raw_checksum: string;
  /** These as in the receipt (`ReceiptSchema`); on record since receipts have them. */
  reader?: string;
  flags?: string[];
  excluded?: Partial<Record<Kind, number>>;
  refused?: Record<string, number>;
  reason?: string;
}

/** Uploads whose raw files a forget deletes. */
export interface UploadsToForget {
  /** Null: of all systems. */
  systemId: SystemId | null;
  /** Through by this instant, by the system's clock; those that were given up at any time. */
  before: number;
  /** Those in quarantine too. */
  givenUp: boolean;
  after: UploadRef;
  limit: number;
}

/** Who gave up an upload in quarantine, and why. */
export interface Dropped {
  by: string;
  reason: string;
  /** Milliseconds since 1970, by the system's clock. */
  at: number;
}

/** What is on record of an upload's ingests after the first. Times in milliseconds since 1970, by the system's clock. */
export interface IngestedAgain {
  /** Since when it waits to be ingested again; null where it does not. */
  requestedAt: number | null;
  /** How often it was. */
  times: number;
  /** What the first ingest came to; null while there was no other. */
  first: { committedAt: number; rows: RowCounts } | null;
  /** Why the last request came to nothing, where it did. */
  failure: string | null;
}

/** An upload in the queue or the ledger. `rows` counts once it is committed. */
export interface UploadRecord extends UploadRef {
  /** The names of its folders: what keys are made of. */
  place: UploadRef;
  order: number;
  state: UploadState;
  manifestSha256: string;
  /** By the host's clock; the other times by the system's. All in milliseconds since 1970. */
  createdAt: number;
  /** When it came to the queue. */
  registeredAt: number;
  committedAt: number | null;
  quarantinedAt: number | null;
  dropped: Dropped | null;
  /** Times in a row that a reader had its files and did not come back with their rows. */
  attempts: number;
  /** Null where nobody asked for that. */
  again: IngestedAgain | null;
  files: IngestedFile[];
  mirrors: Kind[];
  reader: string | null;
  reason: string | null;
  rows: RowCounts;
  /** Of the refused rows those that are of what was forgotten. Where there are any, the raw files are not kept for the usual days. */
  forgottenRows: number;
  /** When its raw files were deleted because of something forgotten, by the system's clock; null where they were not. */
  forgottenAt: number | null;
}

/** The place in a list of uploads, newest first, that a page begins behind. */
export type UploadPageStart = UploadRef & Pick<UploadRecord, 'registeredAt'>;

export interface UploadPageRequest {
  systemId?: SystemId | undefined;
  uploadId?: string | undefined;
  state?: UploadState | undefined;
  after?: UploadPageStart | undefined;
  limit: number;
}

export interface UploadPage {
  uploads: UploadRecord[];
  /** Where the next page begins; null behind the last. */
  next: UploadPageStart | null;
}

export interface QuarantinedUpload extends UploadRef {
  systemName: string;
  reason: string;
  /** Milliseconds since 1970, by the system's clock. */
  since: number;
}

/** Uploads that were found and are not ingested. */
export interface Backlog {
  uploads: number;
  /** When the one that waits longest came to the queue, milliseconds since 1970 by the system's clock; null where none waits. */
  oldest: number | null;
  quarantined: number;
}

export interface SystemLag {
  systemId: SystemId;
  /** Uploads that wait. */
  pending: number;
  /** As in `Backlog`. */
  oldest: number;
}

export interface SystemName {
  systemId: SystemId;
  name: string;
}

/** The table of uploads: the ingest queue and, once an upload is committed, the ledger. */
export interface UploadLedger {
  registerUploads(found: readonly FoundUpload[]): Promise<UploadRef[]>;
  /** Those that are on record, whatever their ids are. */
  knownUploads(places: readonly UploadRef[]): Promise<KnownUpload[]>;
  nextUpload(systemId: string): Promise<UploadRecord | undefined>;
  getUpload(ref: UploadRef): Promise<UploadRecord | undefined>;
  /** A page of the uploads on record, those last that came first to the queue. Its cost is the page's, not the table's. */
  listUploads(page: UploadPageRequest): Promise<UploadPage>;
  /** Of all a system's uploads on record, whatever their state; 0 where there is none. */
  greatestOrder(systemId: SystemId): Promise<number>;
  unfinishedSystems(limit: number): Promise<string[]>;
  /** Uploads queued at or before this instant (the system's clock) that are neither done nor quarantined. */
  countUnfinished(registeredBefore: number): Promise<number>;
  /** Reads what waits in the queue and in quarantine, not the ledger. */
  backlog(): Promise<Backlog>;
  /** The systems whose uploads wait longest. */
  furthestBehind(limit: number, systemId?: SystemId): Promise<SystemLag[]>;
  countUploads(): Promise<Record<UploadState, number>>;
  markReceipted(ref: UploadRef): Promise<void>;
  markDone(ref: UploadRef): Promise<void>;
  /**
   * Counts an attempt to read an upload in the queue, before it begins, so that one which takes the process down with it counts too.
   * Returns how many there were in a row, with this one, and what the one before it failed with, if it told.
   */
  beginRead(ref: UploadRef): Promise<{ attempts: number; lastFailure: string | null }>;
  /** The attempt that was begun last told why it failed. */
  recordReadFailure(ref: UploadRef, reason: string): Promise<void>;
  /** Takes back the attempt that was begun last: what ended it was not the upload. */
  withdrawRead(ref: UploadRef): Promise<void>;
  /** It was read: no attempt counts any more. */
  clearReads(ref: UploadRef): Promise<void>;
  /** Returns whether it is in quarantine since now. */
  quarantine(ref: UploadRef, reason: string): Promise<boolean>;
  /** Puts an upload in quarantine back into the queue, as if it had never been read. Returns whether this call did it. */
  requeue(ref: UploadRef): Promise<boolean>;
  /** Gives up an upload in quarantine. Returns whether this call did it. */
  drop(ref: UploadRef, dropped: Omit<Dropped, 'at'>): Promise<boolean>;
  /**
   * Puts an upload that is done in the queue to be ingested again. It stays done, so that what others decide by the ledger stays right.
   * Returns whether this call did it.
   */
  requestAgain(ref: UploadRef): Promise<boolean>;
  /** Takes it out of the queue, where it cannot be ingested again: all of it stays as it was. Returns whether this call did it. */
  abandonAgain(ref: UploadRef, reason: string): Promise<boolean>;
  /** A part of the uploads whose raw files may stand, in order of system and id. */
  uploadsToForget(request: UploadsToForget): Promise<UploadRef[]>;
  /** Notes that an upload's raw files were deleted because of something forgotten; the first time counts. */
  markForgotten(ref: UploadRef): Promise<void>;
  /** What waits for a person, the latest first. */
  quarantinedUploads(limit: number): Promise<QuarantinedUpload[]>;
  /** Systems whose name is not their id, in order of their ids; with `systemId` that one alone, if it is one. */
  renamedSystems(limit: number, systemId?: SystemId): Promise<SystemName[]>;
}
