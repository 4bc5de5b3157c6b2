import type { Tier } from '../contract/index.js';
import type { SearchAnswer, SearchRequest } from '../search/index.js';
import type { TierCounts } from '../store/index.js';

/** A remote system behind a circuit breaker, and whether calls to it go through. */
export interface CircuitBreakerState {
  /** Of the remote: `object-store`, `temporal`, … */
  name: string;
  state: 'closed' | 'open' | 'half_open';
  /** Failed calls since the last one that succeeded. */
  failures: number;
  /** Milliseconds since 1970; null where none failed yet. */
  lastFailureAt: number | null;
  /** When an open one lets the next call through; null in other states. */
  retryAt: number | null;
}

export interface Readiness {
  ready: boolean;
  /** What was looked at, each with "ok" or what is wrong. */
  checks: Record<string, string>;
}

/** What the API serves. Errors of `AkoshaError` reach the client with type and message, others as an internal error. */
export interface ApiServices {
  search(request: SearchRequest, signal: AbortSignal): Promise<SearchAnswer>;
  /** Starts the daily ingest, or joins the one that runs. */
  triggerIngest(): Promise<{ workflowId: string; runId?: string | undefined }>;
  circuitBreakers(): readonly CircuitBreakerState[];
  /** Begins the shutdown and returns at once. Called after the reply is out. */
  shutdown(): void;
  /** What `akosha status` tells, as JSON. */
  status(): Promise<Readonly<Record<string, unknown>>>;
  tiers(): Promise<Record<Tier, TierCounts>>;
  readiness(): Promise<Readiness>;
}
