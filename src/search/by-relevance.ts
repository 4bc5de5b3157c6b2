import { keyText } from '../contract/index.js';
import { missingParts, tierReport, toResult, type SearchAnswer, type SearchResult } from './answer.js';
import type { Budget } from './budget.js';
import { bestTogether, distinctKeys, SHARES, type TierCandidates } from './candidates.js';
import type { Running, SearchContext } from './context.js';
import { markOf, writeCursor } from './cursor.js';
import { gatherAll } from './gather.js';
import { rankCandidates, type Ranked } from './rank.js';
import { NO_RECENCY } from './recency.js';
import { MAX_LIMIT } from './limits.js';
import { rescoreCold } from './rescore.js';
import { fetchRows, type FetchedRows } from './rows.js';
import type { ModelVector } from '../store/index.js';

/** More candidates than results: both rankings must hold a row for the fusion to see it in both. */
const CANDIDATES_PER_RESULT = 4;
const MIN_CANDIDATES = 50;
/** Beyond the limit there need not be more: at long lists the fusion's ranks hardly differ. */
const MAX_EXTRA_CANDIDATES = 300;

/** The best first. Each page ranks anew what the pages before have not shown. */
export async function searchByRelevance(running: Running): Promise<SearchAnswer> {
  const { context, request, terms, budget } = running;
  const { text, filters } = request;
  const { shown, wanted } = pageOf(running);
  const reach = shown.size + wanted;
  const embedding = embedQuery(context, text, budget);
  const found = embedding.then(({ vector }) => vector);
  // It may fail before somebody waits for it, who is told then.
  found.catch(() => undefined);
  const query = {
    terms,
    vector: found,
    filters,
    limit: Math.max(MIN_CANDIDATES, Math.min(reach * CANDIDATES_PER_RESULT, reach + MAX_EXTRA_CANDIDATES)),
  };
  const gathered = await gatherAll(running, query);
  const { tiers, fetched } = await fetchBest(running, gathered, query.limit);
  const { recency = NO_RECENCY } = context;
  const { vector, reason } = await embedding;
  const rescored = await rescoreCold(running, tiers, fetched.rows, vector);
  const rules = { terms, recency, now: running.now, rescored };
  const ranked = await rankCandidates(tiers, fetched.rows, rules);
  budget.throwIfCancelled();
  return {
    ...(await takePage(running, ranked, { fetched, mayBeMore: tiers.some(({ full }) => full) })),
    partial: missingParts(tiers, fetched.faults),
    tiers: reportOf(tiers),
    mode: modeOf(vector !== undefined, terms.length > 0),
    embedding: { available: vector !== undefined, reason },
    ms: budget.spentMs,
  };
}

/**
 * The rows of the best candidates of hot and warm together. Where some of them cannot be had, as of a tier that is out, those of all: the best of a
 * lost tier must not stand before what the other has.
 */
async function fetchBest(
  { context, request, budget }: Running,
  gathered: TierCandidates[],
  limit: number,
): Promise<{ tiers: TierCandidates[]; fetched: FetchedRows }> {
  const { filters } = request;
  const best = bestTogether(gathered, limit);
  const keys = distinctKeys(best);
  const fetched = await fetchRows(context.store, keys, filters, budget);
  if (fetched.rows.size === keys.length) return { tiers: best, fetched };
  const known = new Set(keys.map(keyText));
  const others = distinctKeys(gathered).filter((key) => !known.has(keyText(key)));
  if (others.length === 0) return { tiers: gathered, fetched };
  const more = await fetchRows(context.store, others, filters, budget);
  return {
    tiers: gathered,
    fetched: {
      rows: new Map([...fetched.rows, ...more.rows]),
      faults: new Map([...more.faults, ...fetched.faults]),
    },
  };
}

function pageOf({ request: { limit, position } }: Running): { shown: ReadonlySet<string>; wanted: number } {
  const shown = position?.sort === 'relevance' ? position.shown : new Set<string>();
  return { shown, wanted: Math.max(0, Math.min(limit, MAX_LIMIT - shown.size)) };
}

async function takePage(
  running: Running,
  ranked: readonly Ranked[],
  { fetched, mayBeMore }: { fetched: FetchedRows; mayBeMore: boolean },
): Promise<Pick<SearchAnswer, 'results' | 'nextCursor'>> {
  const { request, terms, now } = running;
  const { shown, wanted } = pageOf(running);
  const left = shown.size === 0 ? ranked : ranked.filter(({ key }) => !shown.has(markOf(key)));
  const page = left.slice(0, wanted);
  const extras = { ...request, terms, now };
  const results: SearchResult[] = [];
  for (const entry of page) {
    const row = fetched.rows.get(entry.key);
    if (row !== undefined) results.push(await toResult(row, entry, extras));
  }
  const isLast =
    page.length === 0 || shown.size + page.length >= MAX_LIMIT || (left.length === page.length && !mayBeMore);
  if (isLast) return { results, nextCursor: null };
  const marks = new Set([...shown, ...page.map(({ key }) => markOf(key))]);
  return { results, nextCursor: writeCursor({ sort: 'relevance', shown: marks }, request) };
}

function reportOf(tiers: readonly TierCandidates[]): SearchAnswer['tiers'] {
  return Object.fromEntries(tiers.map((tier) => [tier.tier, tierReport(tier)]));
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
