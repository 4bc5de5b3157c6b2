import { isAkoshaError, type Tier } from '../../contract/index.js';
import { EMBEDDING_MODEL } from '../../memory/index.js';
import type {
  Candidate,
  FoundKey,
  Match,
  MatchStart,
  MemoryStore,
  ModelVector,
  ScanTurn,
  SearchFilters,
  StoredMemory,
} from '../store.js';
import type { Placed } from './catalog/lookup.js';
import type { EngineContext } from './context.js';
import { isDropped, readCurrent } from './current-rows.js';
import { onlyKnown } from './known-by.js';
import { listColdMatches } from './tiers/cold-matches.js';
import {
  fetchFromObjects,
  fetchFromTables,
  searchColdVectors,
  searchColdWords,
  searchTableVectors,
  type FetchedRow,
} from './tiers/searching.js';
import type { TableTier } from './tiers/tables.js';
import type { VectorIndexes } from './vector-index/vector-indexes.js';

/** Since the last search: people and agents who look for something ask again within seconds. */
const SEARCHED_MS = 10_000;

type SearchStore = Pick<
  MemoryStore,
  'isSearched' | 'searchVectors' | 'searchMadeVectors' | 'searchWords' | 'listMatches' | 'fetch'
>;

/** What the engine does to search. */
export function searchStore(context: EngineContext, indexes: VectorIndexes): SearchStore {
  let searchedAt = -Infinity;
  const note = (): void => {
    searchedAt = performance.now();
  };
  return {
    isSearched: () => performance.now() - searchedAt < SEARCHED_MS,
    searchVectors: (...query) => (note(), searchVectors(context, indexes, ...query)),
    searchMadeVectors: (...query) => searchMadeVectors(context, indexes, ...query),
    searchWords: (...query) => (note(), searchWords(context, ...query)),
    listMatches: (...query) => (note(), listMatches(context, ...query)),
    fetch: (...request) => fetchMemories(context, ...request),
  };
}

/**
 * The vectors that stand in the rows: what hosts send is of `EMBEDDING_MODEL`. In hot and warm by the index, where there is one: it has those that
 * the server made as well, so that `searchMadeVectors` has none to add.
 */
async function searchVectors(
  context: EngineContext,
  indexes: VectorIndexes,
  tier: Tier,
  query: ModelVector,
  filters: SearchFilters,
  limit: number,
): Promise<Candidate[]> {
  const indexed = tier === 'cold' ? undefined : await indexes.search(tier, query, filters, limit);
  if (indexed !== undefined) return indexed;
  const { model, values: vector } = query;
  if (model !== EMBEDDING_MODEL) return [];
  return onlyKnown(context, filters, limit, async (most) => {
    if (tier !== 'cold') return again(() => searchTableVectors(context.tiers, tier, vector, filters, most));
    return again(async () => {
      const objects = await context.catalog.read.coldObjects(filters);
      return context.cold.use(objects, (files) =>
        searchColdVectors(context.tiers, files, vector, filters, most),
      );
    });
  });
}

async function searchMadeVectors(
  context: EngineContext,
  indexes: VectorIndexes,
  tier: Tier,
  query: ModelVector,
  filters: SearchFilters,
  limit: number,
  turn?: ScanTurn,
): Promise<Candidate[]> {
  const isIndexed = tier !== 'cold' && (await indexes.search(tier, query, filters, limit)) !== undefined;
  if (isIndexed) return [];
  const { model, values: vector } = query;
  const scan = { model, vector, tier, filters, limit };
  return context.scans.take(() => context.catalog.scan.searchMadeVectors(scan), turn);
}

async function searchWords(
  context: EngineContext,
  tier: Tier,
  terms: readonly string[],
  filters: SearchFilters,
  limit: number,
): Promise<Candidate[]> {
  if (terms.length === 0) return [];
  if (tier !== 'cold') return searchIndexedWords(context, tier, terms, filters, limit);
  return onlyKnown(context, filters, limit, (most) =>
    again(async () => {
      const objects = await context.catalog.read.coldObjects(filters);
      return context.cold.use(objects, (files) =>
        searchColdWords(context.tiers, files, terms, filters, most),
      );
    }),
  );
}

/** The text index has hot and warm in one, so that both are asked by one search. */
async function searchIndexedWords(
  context: EngineContext,
  tier: TableTier,
  terms: readonly string[],
  filters: SearchFilters,
  limit: number,
): Promise<Candidate[]> {
  const found = await context.wordSearches.join(filters, [terms, limit], () =>
    context.catalog.read.searchText({ terms, filters, limit }),
  );
  return found
    .filter((candidate) => candidate.tier === tier)
    .slice(0, limit)
    .map(({ tier: _tier, ...candidate }) => candidate);
}

/** What a cold row says of itself may be outdated, and what an ingest first committed later is listed too: the caller looks at the rows. */
async function listMatches(
  context: EngineContext,
  tier: Tier,
  terms: readonly string[],
  filters: SearchFilters,
  { after, limit }: { after?: MatchStart | undefined; limit: number },
  turn?: ScanTurn,
): Promise<Match[]> {
  if (terms.length === 0) return [];
  if (tier !== 'cold') {
    // Of a common word it looks at each placement that has it, which takes seconds: not on a thread that look-ups wait for.
    const list = { tier, terms, filters, limit, after };
    return context.scans.take(() => context.catalog.scan.listMatches(list), turn);
  }
  const until = Math.min(filters.until ?? Infinity, (after?.ownTime ?? Infinity) + 1);
  const range = { ...filters, ...(until === Infinity ? {} : { until }) };
  return again(async () => {
    const objects = await context.catalog.read.coldObjects(range);
    return context.cold.use(objects, (files) =>
      listColdMatches(context.tiers, files, { terms, filters: range, after, limit }),
    );
  });
}

/** Keys become their current placements, placements become rows; see `MemoryStore.fetch`. */
async function fetchMemories(
  context: EngineContext,
  keys: readonly FoundKey[],
  tiers: readonly Tier[],
  onMissing?: (tier: Tier) => void,
): Promise<StoredMemory[]> {
  const place = async (again: readonly Placed[] | undefined): Promise<Placed[]> => {
    const placed = await context.catalog.read.placements(again ?? keys);
    return placed.filter(({ tier }) => tiers.includes(tier));
  };
  const keep = context.texts.opening();
  const known: StoredMemory[] = [];
  const unknown = (await place(undefined)).filter((placed) => {
    const row = context.texts.get(placed.rowId);
    // As of a row that is read now: a damaged catalog must not show somebody else's text.
    if (row?.hash !== placed.hash) return true;
    known.push(toMemory(row, placed));
    return false;
  });
  const { found, missing } = await readCurrent(
    context,
    (again) => (again === undefined ? Promise.resolve(unknown) : place(again)),
    {
      tables: (parts) => fetchFromTables(context.tiers, parts),
      objects: (files, rowIds) => fetchFromObjects(context.tiers, files, rowIds),
    },
  );
  for (const { tier } of missing) onMissing?.(tier);
  keep(found.map(({ row }) => row));
  return [...known, ...found.map(({ place, row }) => toMemory(row, place))];
}

/** A table was dropped, or a cold object deleted, since it was looked for: their rows are elsewhere, and are found there. */
async function again<T>(search: () => Promise<T>): Promise<T> {
  try {
    return await search();
  } catch (error) {
    if (isDropped(error) || isAkoshaError(error, 'ObjectNotFound')) return search();
    throw error;
  }
}

function toMemory({ content, tags }: FetchedRow, place: Placed): StoredMemory {
  const { rowId: _rowId, object: _object, ...memory } = place;
  return { ...memory, content, tags };
}
