import type { WalkSummary } from './activities.js';
import type { RowCounts } from './memory.js';

/** Arguments and results of the workflows: one object each, references and counts only. */
export interface UploadMemoryInput {
  systemId: string;
}

export interface UploadMemoryResult {
  uploadId: string;
  filesUploaded: string[];
  bytesTransferred: number;
  omitted: { name: string; reason: string }[];
}

export interface IngestSystemInput {
  systemId: string;
  /** Carried over a continue-as-new. */
  totals?: IngestTotals;
}

export interface IngestTotals {
  ingested: number;
  quarantined: number;
  rows: RowCounts;
}

export interface DailyIngestInput {
  /** Return only when everything in the queue by the end of the walk is through. */
  wait?: boolean;
  /** Carried over a continue-as-new: the walk is done, only the wait goes on. */
  walked?: WalkSummary;
}

export interface DailyIngestResult {
  seen: number;
  added: number;
}

export interface TierTransitionInput {
  /** ISO 8601; absent: the setting's clock. */
  asOf?: string;
  /** Write small cold objects too, which otherwise wait for company. A person who asks wants everything moved. */
  all?: boolean;
  /** Carried over a continue-as-new. */
  totals?: TransitionTotals;
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
}
