import type { DrillReport } from './drill.js';
import type { ErrorType } from './errors.js';
import type { ErasePass, ForgetSystemInput, ForgetSystemResult } from './forget.js';
import type { IngestTotals } from './ingest-totals.js';
import type { Kind, RowCounts, UploadRef } from './memory.js';
import type { ColdPartition } from './object-keys.js';
import type { OutageReport } from './outage.js';
import type { RetentionBatch, RetentionCursor } from './retention.js';
import type { ScrubCounts, ScrubCursor, ScrubPortion, ScrubReport } from './scrub.js';
import type { MoveStep, Selection, SelectionCursor } from './selection.js';

/** A snapshot that waits in a host's outbox. */
export interface WaitingUpload {
  uploadId: string;
  files: number;
  /** After compression. */
  bytes: number;
}

/** What waits in a host's outbox. */
export interface OutboxSummary {
  /** Snapshots to deliver, in order. */
  uploads: WaitingUpload[];
  /** Whether somebody asked for a snapshot that is yet to be taken. */
  requested: boolean;
  /** Somebody is to be told of how it ends. */
  notices?: true;
}

/** What the agent's snapshot of its databases holds. */
export interface SnapshotSummary {
  /** `unchanged`: nothing is to be sent, because an upload that is ingested has the same rows. */
  status: 'prepared' | 'delivered' | 'unchanged';
  /** Of the upload that has the rows; not always the one that was asked for. */
  uploadId: string;
  files: number;
  /** After compression. */
  bytes: number;
  rows: Partial<Record<Kind, number>>;
  /** Databases that could not be read, each with its reason. */
  omitted: { name: string; reason: string }[];
}

export interface TransferSummary {
  uploadId: string;
  /** By which it went; null where it had been delivered before. */
  method: string | null;
  /** Names. */
  files: string[];
  bytes: number;
}

/** Activities of one host, on the queue `akosha-agent-<system_id>`. Each may run twice. */
export interface AgentActivities {
  /** Puts the outbox in order, and tells what waits there. */
  readOutbox(): Promise<OutboxSummary>;
  takeSnapshot(input: UploadRef): Promise<SnapshotSummary>;
  /** Until it is acknowledged, by whichever method can. */
  deliverUpload(input: UploadRef): Promise<TransferSummary>;
  /** Removes the upload from the outbox. */
  closeUpload(input: UploadRef): Promise<void>;
  /** Removes an upload that can never be delivered, because its id is taken by other content. */
  dropUpload(input: UploadRef & { reason: string }): Promise<void>;
  /** Ends everything that waits, this upload included, and clears away what was sent of it. */
  cancelUploads(input: UploadRef): Promise<void>;
  /** Tells the webhook's receiver what came of the uploads that have ended. */
  sendNotices(): Promise<void>;
}

export interface IngestSummary {
  /**
   * `kept`: it could not be ingested again and stays as it was ingested before, for `reason`; its rows are none. `already`: others had ended it,
   * and nothing was done; whoever adds up leaves it out.
   */
  status: 'ingested' | 'quarantined' | 'kept' | 'already';
  rows: RowCounts;
  reason: string | null;
}

/** What one activity did beside the upload that it was asked for: a question of its own would cost Temporal as much as an ingest does. */
export interface IngestedInTurn {
  /** What came of the uploads after it, and the last of them; absent where there were none. */
  further?: { lastUploadId: string; totals: IngestTotals };
  /** The system's next upload, as of the activity's end, or null where there is none; absent: not known. */
  next?: UploadRef | null;
}

export interface WalkSummary {
  /** Folders of uploads that were looked at, and how many of them are in the queue since. */
  seen: number;
  added: number;
  /** When the walk ended, by the server's clock: milliseconds since 1970. */
  at: number;
}

/** Where a listing is to go on. Names are compared for equality alone: no two stores agree on their order. */
export interface ListingPosition {
  /** By which the store gives what follows; it may take it no more after a while. */
  cursor: string;
  /** The last name before it: by this the place is found again where the cursor is refused; null where there was none. */
  after: string | null;
  /** How often it was found again, or begun anew, since neither helped. */
  restarts: number;
}

/** How far a walk is. Of some kilobytes, so that it can be an argument, and be kept. */
export interface WalkState {
  /** When it was begun, by the server's clock: milliseconds since 1970. */
  begunAt: number;
  /** Whose uploads alone; null: of all. */
  systemId: string | null;
  /** Of the systems; null once all of them were looked at. */
  systems: ListingPosition | 'start' | null;
  /** Folders of systems with more uploads than were looked at yet, those whose turn is next first. */
  rest: { folder: string; position: ListingPosition | 'start' }[];
  /** Folders of systems, and of uploads, that were looked at. */
  folders: number;
  seen: number;
  added: number;
  /** Names that are no system's. */
  skipped: number;
  /** New uploads that were read, and that could not be. */
  read: number;
  failed: number;
  /** The first one's fault. */
  fault: { type: ErrorType; message: string } | null;
}

export interface WalkPortion {
  /** For the next portion. */
  state: WalkState;
  /** The walk is through. */
  done: boolean;
  /** When the portion ended, by the server's clock: milliseconds since 1970. */
  at: number;
}

/** One system and month of rows that are to go to cold. */
export interface ColdPartitionPlan {
  systemId: string;
  year: number;
  month: number;
  rows: number;
}

export interface TransitionPlanSummary {
  hot: number;
  warm: number;
  /** At most `MAX_PARTITIONS_PER_PLAN`; plan again when they are through. */
  partitions: ColdPartitionPlan[];
  /** Moving is paused, and nothing is planned. */
  paused?: true;
}

/** Keeps a plan far below Temporal's payload limit: a partition takes about 100 bytes. */
export const MAX_PARTITIONS_PER_PLAN = 500;

/** Rows that a move left where they are, because they cannot be moved as they are. */
export interface HeldRows {
  /** Its row is not where its placement says; or a copy of it does not equal it. */
  reason: 'row_missing' | 'copy_differs';
  rows: number;
  /** One of them: system, kind and id of the memory. */
  example: string;
}

export interface BatchSummary {
  /** Rows in the batch; 0 where none was due, and while moving is paused. */
  due: number;
  moved: number;
  /** Absent where there are none. */
  held?: HeldRows[];
  /** Moving is paused: the batch was not begun. */
  paused?: true;
}

/** What a transition did with one system's rows of one month. */
export interface TransitionPart {
  /** Rows moved to warm, or to cold, written anew in a merged cold object, or gone because they were older than memories are kept. */
  step: 'warm' | 'cold' | 'compacted' | 'expired';
  systemId: string;
  /** Of their own time, UTC: `2026-11`. */
  month: string;
  rows: number;
  /** Rows that could not be moved, each time that they were tried. */
  held: number;
  /** Cold objects written, and their bytes. */
  objects: number;
  bytes: number;
}

/** The sums of a transition's parts. */
export interface TransitionCounts {
  toWarm: number;
  toCold: number;
  compacted: number;
  expired: number;
  held: number;
  objects: number;
  bytes: number;
}

export interface TransitionSummary extends TransitionCounts {
  /** From its begin to its end. */
  seconds: number;
}

export interface ChosenBatchSummary extends BatchSummary {
  /** Memories that cannot be moved now. */
  left: number;
  /** Where the next batch begins; null behind the last. */
  next: SelectionCursor | null;
}

/** What became of the cold objects of a system and month. */
export interface CompactionSummary {
  /** In the objects that were written. */
  rows: number;
  /** Objects that they take the place of, and how many they are. */
  sources: number;
  objects: number;
  /** Groups of objects that could not be merged, because one of them cannot be read. */
  failed: number;
  paused?: true;
}

export interface SweepSummary {
  rows: number;
  tables: number;
  objects: number;
  /** Moving was paused before it was through. */
  paused?: true;
}

/** Activities that touch the store, on the queue `akosha-store`. Each may run twice, also at once. */
export interface StoreActivities {
  /** Queues an upload that an agent delivered, and nudges its system's ingest: seconds instead of the next poll. */
  handOver(input: UploadRef): Promise<{ added: boolean }>;
  nextUpload(input: { systemId: string }): Promise<UploadRef | null>;
  /** Goes on with the system's next uploads while that takes no longer than a few seconds: a small one costs Temporal more than us. */
  ingestUpload(input: UploadRef): Promise<IngestSummary & IngestedInTurn>;
  /** One portion of a walk over object storage, of one system or of all: queues what is new, nudges. Without a state it begins. */
  walkPortion(input: { systemId?: string; state?: WalkState }): Promise<WalkPortion>;
  /** A whole walk in one go, for runs of `dailyIngest` that began before walks went in portions. */
  walkUploads(input?: { systemId: string }): Promise<WalkSummary>;
  /** Uploads queued by `before` that are not through yet. */
  countUnfinished(input: { before: number }): Promise<number>;
  /** `asOf` in milliseconds since 1970; null: when the schedule meant the run to begin, but never later than the setting's clock. */
  planTransition(input: {
    asOf: number | null;
    scheduledFor?: number | null;
    all: boolean;
  }): Promise<TransitionPlanSummary & { asOf: number }>;
  /** Batches until none is due, or some seconds of them. */
  moveToWarm(input: { asOf: number }): Promise<BatchSummary>;
  /** The same of a system and month, and of others beside it, which runs of before do not name. */
  moveToCold(input: {
    asOf: number;
    partition: ColdPartitionPlan;
    others?: ColdPartitionPlan[];
  }): Promise<BatchSummary>;
  /** The next batch of what a person chose, from one tier to another; a batch that an earlier attempt moved is not moved again. */
  moveChosen(
    input: MoveStep & { selection: Selection; after: SelectionCursor | null },
  ): Promise<ChosenBatchSummary>;
  sweep(): Promise<SweepSummary>;
  /**
   * Lets go what is older than memories are kept as of an instant (milliseconds since 1970; absent in runs of before, and then now). Returns
   * systems and months of which cold objects are to be merged; at most `MAX_PARTITIONS_PER_PLAN`, the next compaction takes the rest.
   */
  planCompaction(input: { all: boolean; asOf?: number }): Promise<{ partitions: ColdPartition[] }>;
  compactCold(input: { partition: ColdPartition; all: boolean }): Promise<CompactionSummary>;
  /** Ends the report of the transition that asks, and sums it up; `swept` is null for one that was paused. */
  endTransition(input: { swept: SweepSummary | null }): Promise<TransitionSummary>;
  /** Deletes the next raw uploads whose days are over; from the first on where `after` is null. */
  retireUploads(input: { after: RetentionCursor | null }): Promise<RetentionBatch>;
  /** The next part of a scrub; its first where `after` is null. What it finds is on record, and moving stopped, when it returns. */
  scrubPortion(input: { scrubId: string; after: ScrubCursor | null }): Promise<ScrubPortion>;
  /** Puts down what a scrub came to. */
  endScrub(input: { scrubId: string; counts: ScrubCounts }): Promise<ScrubReport>;
  /** Rebuilds the store into a scratch folder, compares it, and puts down what that came to. */
  restoreDrill(input: { drillId: string }): Promise<DrillReport>;
  /** The tombstone stands, and nothing of the scope is found any more. `waitMs`: until all that was written before has landed. */
  beginForget(input: ForgetSystemInput): Promise<{ scopeId: string; waitMs: number }>;
  /** One look over everything that can hold what is forgotten; what it finds is gone then. */
  eraseForgotten(input: ForgetSystemInput): Promise<ErasePass>;
  /** Writes the receipt. */
  finishForget(input: ForgetSystemInput): Promise<ForgetSystemResult>;
  /** What this server did by itself in the outage that began at `start`, in bounded size. */
  readOutage(input: { start: string }): Promise<OutageReport>;
  /** Puts down that the outage's record stands in Temporal. */
  closeOutage(input: { start: string }): Promise<void>;
}
