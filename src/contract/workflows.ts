import type { TransitionSummary, WalkState, WalkSummary } from './activities.js';
import type { Urgency } from './activity-options.js';
import type { IngestTotals } from './ingest-totals.js';
import type { Kind, Tier, UploadRef } from './memory.js';
import type { RetentionCursor } from './retention.js';
import type { ScrubCounts, ScrubCursor } from './scrub.js';
import type { MoveAction, Selection, SelectionCursor } from './selection.js';

/** Arguments and results of the workflows: one object each, references and counts only. */
export interface UploadMemoryInput {
  systemId: string;
}

export interface UploadMemoryResult {
  /** `unchanged`: nothing was sent, because the upload that `uploadId` names has the same rows, and they are ingested. */
  status: 'delivered' | 'unchanged';
  uploadId: string;
  /** Null where nothing was sent. */
  method: string | null;
  filesUploaded: string[];
  bytesTransferred: number;
  /** In the snapshot. */
  rows: Partial<Record<Kind, number>>;
  omitted: { name: string; reason: string }[];
}

/** What the signal `transferProgress` carries, from the activity to its workflow. */
export interface TransferProgress {
  uploadId: string;
  method: string | null;
  /** Files finished. */
  files: number;
  bytes: number;
  totalBytes: number;
}

export interface IngestSystemInput {
  systemId: string;
  /** What stood first in the queue when the run was started. Absent, it asks. */
  next?: UploadRef;
  /**
   * What its search attributes say from its start on, beside `next`: to change them at its beginning and its end costs Temporal as much as the
   * rest of a short run. Absent in runs that an earlier version began.
   */
  phase?: string;
  /** Carried over a continue-as-new: what came of the uploads so far, and the last of them. */
  totals?: IngestTotals;
  lastUploadId?: string;
  /** Carried over as well: the most urgent that it was told of. */
  told?: Urgency;
}

/** What the signal `uploadReady` carries. */
export interface UploadReady {
  urgency: Urgency;
}

export interface DailyIngestInput {
  /** Walk this system's uploads alone. */
  systemId?: string;
  /** Return only when everything in the queue by the end of the walk is through. */
  wait?: boolean;
  /** Carried over a continue-as-new: how far the walk is; or that it is done, and only the wait goes on. */
  state?: WalkState;
  walked?: WalkSummary;
}

export interface DailyIngestResult {
  seen: number;
  added: number;
  /** Of a run that a schedule started: the day it was meant for, as `2026-11-22`. */
  day?: string;
}

export interface TierTransitionInput {
  /** ISO 8601; absent: the setting's clock. */
  asOf?: string;
  /** Write small cold objects too, which otherwise wait for company. A person who asks wants everything moved. */
  all?: boolean;
  /** Carried over a continue-as-new: what was moved so far, and into which tier last. */
  totals?: TransitionTotals;
  lastTier?: Tier;
}

export interface TransitionTotals {
  toWarm: number;
  toCold: number;
}

export interface TierTransitionResult extends TransitionTotals {
  asOf: string;
  sweptRows: number;
  sweptTables: number;
  sweptObjects: number;
  /** Moving was paused before it was through: what is left is moved once it is resumed. */
  paused?: true;
  /** Absent from runs that an earlier version began. */
  report?: TransitionSummary;
}

export interface MoveMemoriesInput {
  action: MoveAction;
  to: Tier;
  selection: Selection;
  /** Memories that were meant when it was asked for. */
  total: number;
  /** Carried over a continue-as-new: the way from tier to tier that it is at, how far, and what came of it so far. */
  state?: Omit<MoveMemoriesResult, 'paused'> & { step: number; after: SelectionCursor | null };
}

export interface MoveMemoriesResult {
  /** One that goes two ways counts twice. */
  moved: number;
  /** What could not be moved when its turn came: pinned, in another batch, changed meanwhile, without its upload's receipt, or held. */
  left: number;
  /** Of these the ones that failed: their rows are missing, or a copy differs. */
  held: number;
  /** Moving between tiers was paused, and it stopped. */
  paused?: true;
}

export interface MaintenanceInput {
  /** Carried over a continue-as-new: how far the look for raw uploads is, and how many are deleted so far. */
  state?: { after: RetentionCursor; deletedUploads: number };
}

export interface MaintenanceResult {
  /** Uploads of which raw files, or what was kept of them for its number, went. */
  deletedUploads: number;
}

export interface ScrubInput {
  /** Carried over a continue-as-new. */
  state?: { scrubId: string; after: ScrubCursor; counts: ScrubCounts };
}

export interface OutageRecordInput {
  /** When the outage began, ISO 8601: by it the server finds its record. */
  start: string;
}
