import type { MemoryKey, Tier } from '../contract/index.js';
import type { MemoryStore, ModelVector, StoredMemory } from '../store/index.js';
import { Budget } from './budget.js';
import { distinctKeys, gatherTier, SHARES, type TierCandidates } from './candidates.js';
import type { Fused } from './fusion.js';
import { rankCandidates, type Match } from './rank.js';
import { checkRequest, type SearchRequest } from './request.js';
import { fetchRows } from './rows.js';
import { searchTerms } from './terms.js';

/** Turns a query into a vector, and says which model did. */
export interface QueryEmbedder {
  embedQuery(text: string, signal?: AbortSignal): Promise<ModelVector>;
}

export interface SearchContext {
  store: MemoryStore;
  /** Undefined where embeddings are off: search goes by words alone. */
  embedder: QueryEmbedder | undefined;
  /** After which a search answers with what has come in (`AKOSHA_SEARCH_TIMEOUT_SECONDS`). */
  timeoutMs: number;
}

export interface SearchResult extends MemoryKey {
  content: string;
  project: string | null;
  tags: string[];
  /** Own time, ISO 8601. */
  createdAt: string;
  tier: Tier;
  /** Of the fusion: it orders one answer and says nothing across answers. */
  score: number;
  matched: Match[];
}

export interface SearchAnswer {
  results: SearchResult[];
  /** Tiers of which something is missing, and why. */
  partial: { tier: Tier; reason: string }[];
  /** Of each tier that was asked: how long it took and how many candidates it had. */
  tiers: Partial<Record<Tier, { ms: number; candidates: number }>>;
  /** What the query could be searched by. */
  mode: 'vector+words' | 'vector' | 'words' | 'none';
  /** `reason` where vectors took no part. */
  embedding: { available: boolean; reason: string | null };
  ms: number;
}

/** More candidates than results: both rankings must hold a row for the fusion to see it in both. */
const CANDIDATES_PER_RESULT = 4;
const MIN_CANDIDATES = 50;
/** Beyond the limit there need not be more: at long lists the fusion's ranks hardly differ. */
const MAX_EXTRA_CANDIDATES = 300;

/**
 * Searches all tiers by vector and by words. Any text is a valid query. What fails or is late is named in `partial` or
 * `embedding` and never fails the whole. Raises `BadRequest` for a bad filter or limit and `Cancelled` on the signal.
 */
export async function search(
  context: SearchContext,
  request: SearchRequest,
  signal?: AbortSignal,
): Promise<SearchAnswer> {
  const { text, limit, filters } = checkRequest(request);
  const budget = new Budget(context.timeoutMs, signal);
  const terms = searchTerms(text);
  const embedding = embedQuery(context, text, budget);
  const query = {
    terms,
    vector: embedding.then(({ vector }) => vector),
    filters,
    limit: Math.max(MIN_CANDIDATES, Math.min(limit * CANDIDATES_PER_RESULT, limit + MAX_EXTRA_CANDIDATES)),
  };
  const tiers = await Promise.all(
    filters.tiers.map((tier) => gatherTier(context.store, tier, query, budget)),
  );
  const fetched = await fetchRows(context.store, distinctKeys(tiers), filters, budget);
  const ranked = await rankCandidates(tiers, fetched.rows, terms);
  budget.throwIfCancelled();
  const { vector, reason } = await embedding;
  return {
    results: toResults(ranked.slice(0, limit), fetched.rows),
    partial: missingParts(tiers, fetched.faults),
    tiers: Object.fromEntries(tiers.map((tier) => [tier.tier, tierReport(tier)])),
    mode: modeOf(vector !== undefined, terms.length > 0),
    embedding: { available: vector !== undefined, reason },
    ms: budget.spentMs,
  };
}

interface QueryVector {
  vector: ModelVector | undefined;
  reason: string | null;
}

async function embedQuery({ embedder }: SearchContext, text: string, budget: Budget): Promise<QueryVector> {
  const without = (reason: string): QueryVector => ({ vector: undefined, reason });
  if (text.trim() === '') return without('the query is blank');
  if (embedder === undefined) return without('embeddings are off (AKOSHA_EMBEDDINGS)');
  const made = await budget.attempt(SHARES.embedding, (stop) => embedder.embedQuery(text, stop));
  return made.ok ? { vector: made.value, reason: null } : without(made.reason);
}

function modeOf(vector: boolean, words: boolean): SearchAnswer['mode'] {
  if (vector) return words ? 'vector+words' : 'vector';
  return words ? 'words' : 'none';
}

function tierReport({ ms, words, vectors }: TierCandidates): { ms: number; candidates: number } {
  return { ms, candidates: distinctKeys([{ words, vectors }]).length };
}

function missingParts(
  tiers: readonly TierCandidates[],
  rowFaults: ReadonlyMap<Tier, string>,
): SearchAnswer['partial'] {
  return tiers.flatMap(({ tier, faults }) => {
    const rowFault = rowFaults.get(tier);
    const reasons = rowFault === undefined ? faults : [...faults, rowFault];
    return reasons.length === 0 ? [] : [{ tier, reason: reasons.join('; ') }];
  });
}

function toResults(ranked: readonly Fused<Match>[], rows: ReadonlyMap<string, StoredMemory>): SearchResult[] {
  return ranked.flatMap(({ key, score, matched }) => {
    const row = rows.get(key);
    if (row === undefined) return [];
    const { systemId, kind, memoryId, content, project, tags, tier, ownTime } = row;
    const createdAt = isoTime(ownTime);
    return [{ systemId, kind, memoryId, content, project, tags, createdAt, tier, score, matched }];
  });
}

/** JavaScript's dates end at the years ±270,000; DuckDB's timestamps, and so an odd row's own time, do not. */
const LAST_INSTANT = 8.64e15;

function isoTime(ms: number): string {
  return new Date(Math.max(-LAST_INSTANT, Math.min(LAST_INSTANT, ms))).toISOString();
}
