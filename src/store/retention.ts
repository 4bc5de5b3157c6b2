import type { RetentionCursor, UploadRef } from '../contract/index.js';

/** What stays of a raw upload: its manifest and its receipt, its receipt, or nothing. */
export type KeptRaw = 'names' | 'receipt' | 'nothing';

export interface RetirementPage {
  /** Uploads whose receipt is of this instant or before, milliseconds since 1970 by the system's clock, are due. */
  before: number;
  after: RetentionCursor;
  limit: number;
}

/** An upload that is `raw_gone` to everybody else from now on. */
export interface Retirement {
  /** The names of its folders. */
  place: UploadRef;
  keeps: KeptRaw;
}

/** Which raw uploads may go: of each the ledger's row stands in a backup, and nobody asked to have it ingested again. */
export interface RetentionLedger {
  uploadsToRetire(page: RetirementPage): Promise<RetentionCursor[]>;
  /** Notes that its raw files go, and says what of it stays; undefined where it is not due, or not any more. */
  beginRetirement(ref: UploadRef, before: number): Promise<Retirement | undefined>;
  /** They are gone. */
  endRetirement(ref: UploadRef, keeps: KeptRaw): Promise<void>;
  /**
   * Of these uploads those that were rid of their raw files have some again, because a host delivered them once more. `announced`: it says
   * so itself; otherwise that a folder stands tells it only of those of which nothing was kept.
   */
  noteRawBack(refs: readonly UploadRef[], announced: boolean): Promise<void>;
}
