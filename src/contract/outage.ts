/** What a server did by itself while Temporal was away: counts over the whole outage. */
export interface OutageTotals {
  ingested: number;
  quarantined: number;
  /** Of ingested uploads. */
  newRows: number;
  changedRows: number;
  walks: number;
  /** Uploads that walks put in the queue. */
  found: number;
  transitions: number;
  toWarm: number;
  toCold: number;
  /** Steps that failed; each is tried again. */
  failures: number;
}

export const NO_OUTAGE_WORK: OutageTotals = {
  ingested: 0,
  quarantined: 0,
  newRows: 0,
  changedRows: 0,
  walks: 0,
  found: 0,
  transitions: 0,
  toWarm: 0,
  toCold: 0,
  failures: 0,
};

/** One thing that was done. */
export interface OutageStep {
  /** When it ended, ISO 8601. */
  at: string;
  ms: number;
  what: 'ingest' | 'walk' | 'transition' | 'failure' | 'restart';
  /** In a line, without any memory's text. */
  text: string;
}

/** Metrics at an instant. */
export interface OutageSample {
  /** ISO 8601. */
  at: string;
  values: Record<string, number>;
}

/** An outage's record, cut to what Temporal takes as a payload. Times are ISO 8601. */
export interface OutageReport {
  /** Since when Temporal did not answer. */
  start: string;
  /** When the server took over. */
  detected: string;
  /** When Temporal had its work back. */
  end: string;
  totals: OutageTotals;
  /** The first and the last; `omitted` are between them. */
  steps: OutageStep[];
  omitted: number;
  samples: OutageSample[];
}
