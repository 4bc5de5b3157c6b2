import type { TransitionCounts, TransitionPart } from '../contract/index.js';

/** Moving between tiers is paused, since when (by the system's clock, milliseconds since 1970) and why. */
export interface TierPause {
  since: number;
  reason: string;
}

export type TransitionOutcome = 'done' | 'paused';

/** What one transition did. Counted by the transactions that did it, so it is right under retries. */
export interface TransitionReport {
  /** The id of its workflow, or of what the server did by itself. */
  transitionId: string;
  /** The instant that decided what was due, and the system's clock at its begin and end: milliseconds since 1970. */
  asOf: number;
  begunAt: number;
  /** Null while it runs, and for one that died. */
  endedAt: number | null;
  outcome: TransitionOutcome | null;
  swept: { rows: number; tables: number; objects: number };
  totals: TransitionCounts;
  /** By step, system and month; the first of them in this order. */
  parts: TransitionPart[];
  /** How many more parts there are. */
  partsLeftOut: number;
}

/** What a transition would do. */
export interface TransitionForecast {
  asOf: number;
  rows: { toWarm: number; toCold: number };
  /** Cold objects that would be written, not counting compaction. */
  objects: number;
  parts: Pick<TransitionPart, 'step' | 'systemId' | 'month' | 'rows' | 'objects'>[];
  partsLeftOut: number;
}

export interface ForecastRequest {
  asOf: number;
  /** With small cold objects, which otherwise wait for company. */
  all: boolean;
  /** Rows of a batch: a cold object each. */
  batchRows: number;
  /** Parts to tell. */
  limit: number;
}

/** The brake of transitions, and what they did. */
export interface TransitionLedger {
  /** Also where what a scrub found stops moving. */
  tierPause(): Promise<TierPause | undefined>;
  /** Holds until `resumeTiers`, whoever moves; said again it gives another reason. */
  pauseTiers(reason: string): Promise<TierPause>;
  /** False where it was not paused. Raises `MovingStopped` where a scrub has stopped it. */
  resumeTiers(): Promise<boolean>;
  /** Begins a report; one of this name goes on. */
  beginTransition(transitionId: string, asOf: number): Promise<void>;
  /** What a transition of no known name ends is nothing. */
  endTransition(
    transitionId: string,
    outcome: TransitionOutcome,
    swept: TransitionReport['swept'],
  ): Promise<void>;
  /** Without its parts; undefined for a name that nobody began. */
  transitionReport(transitionId: string): Promise<TransitionReport | undefined>;
  /** The last ones, the newest first, with the first `parts` parts of each. */
  transitionReports(limit: number, parts: number): Promise<TransitionReport[]>;
  forecastTransition(request: ForecastRequest): Promise<TransitionForecast>;
}
