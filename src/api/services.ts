import type {
  SystemId,
  ForgetScope,
  MemoryKey,
  MoveAction,
  RepairableTier,
  Selection,
  Tier,
  UploadRef,
} from '../contract/index.js';
import type { UploadExplanation } from '../ingest/index.js';
import type { Forecast, Selected } from '../maintenance/index.js';
import type { CircuitBreakerStatus } from '../runtime/index.js';
import type { SearchAnswer, SearchRequest } from '../search/index.js';
import type {
  ForgetPreview,
  ForgetRecord,
  MemoryExplanation,
  MemoryPage,
  PageRequest,
  PinPage,
  PinPageRequest,
  PinRequest,
  TierCounts,
  TierPause,
  TransitionReport,
  UploadPage,
  UploadPageRequest,
  UploadRecord,
} from '../store/index.js';
import type { DrillStatus } from './drill.js';
import type { EmbeddingStatus } from './embedding.js';
import type { RepairStatus } from './repair.js';
import type { ScrubStatus } from './scrub.js';
import type { AcceptRows } from './mcp-tools.js';
import type { SelectionRequest } from './selection.js';

export interface Readiness {
  ready: boolean;
  /** What was looked at, each with "ok" or what is wrong. */
  checks: Record<string, string>;
}

/** What an event of an object store came to. */
export interface TakenEvents {
  /** Uploads that are in the queue since now, and those that were on record before. */
  added: number;
  known: number;
  /** Uploads that are never queued, with the reason: another one has their id. To send the event again changes nothing. */
  refused: { upload: string; reason: string }[];
}

/** What the API serves. Errors of `AkoshaError` reach the client with type and message, others as an internal error. */
export interface ApiServices {
  search(request: SearchRequest, signal: AbortSignal): Promise<SearchAnswer>;
  /**
   * Starts a walk over object storage for uploads that nobody announced, of one system or of all, or joins the one that was triggered
   * before and still runs. Raises `OrchestratorUnavailable`, soon, where Temporal is away.
   */
  triggerIngest(systemId?: string): Promise<{ workflowId: string; runId: string }>;
  /** Stores memories as an upload; returns once they are promised. Raises what `BatchAcceptor.accept` does. */
  acceptRows: AcceptRows;
  /**
   * Queues the uploads that an event of an object store announces. Raises `BadRequest` for one in no known form, `ObjectNotFound` where
   * a manifest does not stand, `ObjectStoreUnavailable`.
   */
  takeEvents(event: unknown, signal: AbortSignal): Promise<TakenEvents>;
  circuitBreakers(): readonly CircuitBreakerStatus[];
  /** Begins the shutdown and returns at once. Called after the reply is out. */
  shutdown(): void;
  /** What `akosha status` tells, as JSON; of one system too where it is named. */
  status(systemId?: SystemId): Promise<Readonly<Record<string, unknown>>>;
  tiers(): Promise<Record<Tier, TierCounts>>;
  tierPause(): Promise<TierPause | undefined>;
  /** Stops moving between tiers, with Temporal or without, until `resumeTiers`. */
  pauseTiers(reason: string): Promise<TierPause>;
  /** False where it was not paused. */
  resumeTiers(): Promise<boolean>;
  /** What a transition would do, as of a time or else the clock setting's. Changes nothing. */
  forecastTransition(input: { asOf?: number | undefined; all: boolean }): Promise<Forecast>;
  /** Of the last transitions, the newest first. */
  transitionReports(limit: number): Promise<TransitionReport[]>;
  /** A page of what a system has; see `MemoryStore.listMemories`. */
  listMemories(systemId: string, page: PageRequest): Promise<MemoryPage>;
  /** Searches what a selection asks for by text. Raises `MemoryUnknown` where that finds nothing, `StoreBusy` where it is incomplete. */
  select(request: SelectionRequest, signal: AbortSignal): Promise<Selection>;
  describeSelection(selection: Selection): Promise<Selected>;
  listPins(page: PinPageRequest): Promise<PinPage>;
  /** Returns how many pins it made or renewed. Raises `MemoryUnknown` where there is nothing to pin. */
  pin(selection: Selection, request: PinRequest): Promise<number>;
  /** Returns how many pins it took away. */
  unpin(selection: Selection): Promise<number>;
  /**
   * Starts to move memories to a tier. Raises `OrchestratorUnavailable`, soon, where Temporal is away, and `MoveUnderWay` while those of the
   * same system are being moved.
   */
  moveMemories(request: {
    action: MoveAction;
    to: Tier;
    selection: Selection;
    total: number;
  }): Promise<{ workflowId: string; runId: string }>;
  /** Where a memory is and why. Raises `MemoryUnknown`. */
  explainMemory(key: MemoryKey): Promise<MemoryExplanation>;
  /** What became of an upload, and what will. Raises `UploadUnknown`. */
  explainUpload(ref: UploadRef): Promise<UploadExplanation>;
  /** Raises `UploadUnknown`. */
  getUpload(ref: UploadRef): Promise<UploadRecord>;
  /** Raises `UploadUnknown` where no upload came from the system. */
  listUploads(page: UploadPageRequest): Promise<UploadPage>;
  /** Puts an upload in quarantine back in the queue. Raises what `retryUpload` of ingest does. */
  retryUpload(ref: UploadRef): Promise<UploadRecord>;
  /** Puts an ingested upload in the queue again. Raises what `requestAgain` of ingest does. */
  ingestAgain(ref: UploadRef): Promise<UploadRecord>;
  /** Gives up an upload in quarantine. Raises what `dropUpload` of ingest does. */
  dropUpload(ref: UploadRef, decision: { by: string; reason: string }): Promise<UploadRecord>;
  /** What a forget would take. */
  previewForget(scope: ForgetScope): Promise<ForgetPreview>;
  /** Returns once nothing of the scope is found any more; `started` says whether the erasing has reached Temporal. */
  forget(scope: ForgetScope): Promise<{ record: ForgetRecord; started: boolean }>;
  /** Raises what `liftForget` of maintenance does. */
  liftForget(scope: ForgetScope): Promise<void>;
  /** Raises `ForgetUnknown`. */
  getForget(scopeId: string): Promise<ForgetRecord>;
  /** Those asked for last first. */
  listForgets(limit: number): Promise<ForgetRecord[]>;
  embedding(): Promise<EmbeddingStatus>;
  /**
   * Begins to move the store to an embedding model, by default the setting's, or joins the move to it; the current one gives up a move.
   * Raises `BadRequest` where embeddings are off and during a move to a third, `ModelUnavailable` where the model cannot be loaded.
   */
  reembed(model: string | undefined): Promise<EmbeddingStatus>;
  repairStatus(): RepairStatus;
  /** Begins a repair of tiers, or joins the one that runs. */
  repair(tiers: readonly RepairableTier[]): RepairStatus;
  scrubStatus(): Promise<ScrubStatus>;
  /** Begins a scrub, or joins the one that was asked for. Raises `OrchestratorUnavailable`, soon, where Temporal is away. */
  scrub(): Promise<{ workflowId: string; runId: string }>;
  /** Returns how many findings were released. */
  releaseScrub(reason: string): Promise<number>;
  drillStatus(): Promise<DrillStatus>;
  /** Begins a restore drill, or joins the one that was asked for. Raises `OrchestratorUnavailable`, soon, where Temporal is away. */
  drill(): Promise<{ workflowId: string; runId: string }>;
  readiness(): Promise<Readiness>;
}
