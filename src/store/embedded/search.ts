import type { MemoryKey, Tier } from '../../contract/index.js';
import type { Candidate, SearchFilters, StoredMemory } from '../store.js';
import type { Placed } from './catalog/lookup.js';
import type { EngineContext } from './context.js';
import {
  fetchFromObject,
  fetchFromTable,
  searchColdVectors,
  searchColdWords,
  searchTableVectors,
  type FetchedRow,
} from './tiers/searching.js';
import { qualified, tableFor } from './tiers/tables.js';

export async function searchVectors(
  context: EngineContext,
  tier: Tier,
  vector: Float32Array,
  filters: SearchFilters,
  limit: number,
): Promise<Candidate[]> {
  if (tier !== 'cold') {
    return again(() => searchTableVectors(context.tiers, tier, vector, filters, limit));
  }
  const objects = await context.catalog.read.coldObjects(filters);
  return context.cold.use(objects, (files) =>
    searchColdVectors(context.tiers, files, vector, filters, limit),
  );
}

export async function searchWords(
  context: EngineContext,
  tier: Tier,
  terms: readonly string[],
  filters: SearchFilters,
  limit: number,
): Promise<Candidate[]> {
  if (terms.length === 0) return [];
  if (tier !== 'cold') return context.catalog.read.searchText({ tier, terms, filters, limit });
  const objects = await context.catalog.read.coldObjects(filters);
  return context.cold.use(objects, (files) => searchColdWords(context.tiers, files, terms, filters, limit));
}

/** A row that a move took away between placement and fetch is found by its next placement; moves are rare, so few rounds do. */
const FETCH_ROUNDS = 3;

/** Keys become their current placements, placements become rows; a miss reads the placement again. */
export async function fetchMemories(
  context: EngineContext,
  keys: readonly MemoryKey[],
  tiers: readonly Tier[],
): Promise<StoredMemory[]> {
  const found = new Map<string, StoredMemory>();
  let missing = keys;
  for (let round = 0; round < FETCH_ROUNDS && missing.length > 0; round++) {
    const placed = (await context.catalog.read.placements(missing)).filter(({ tier }) =>
      tiers.includes(tier),
    );
    const rows = await fetchPlaced(context, placed);
    for (const place of placed) {
      const row = rows.get(place.rowId);
      if (row !== undefined) found.set(keyText(place), toMemory(row, place.tier));
    }
    missing = placed.filter((place) => !rows.has(place.rowId));
  }
  return [...found.values()];
}

async function fetchPlaced(
  context: EngineContext,
  placed: readonly Placed[],
): Promise<Map<number, FetchedRow>> {
  const groups = new Map<string, Placed[]>();
  for (const place of placed) groups.set(sourceOf(place), [...(groups.get(sourceOf(place)) ?? []), place]);
  const parts = await Promise.all([...groups.values()].map((group) => fetchGroup(context, group)));
  return new Map(parts.flat().map((row) => [row.rowId, row]));
}

function sourceOf(place: Placed): string {
  return place.tier === 'cold' ? (place.object ?? '') : qualified(tableFor(place.tier, place.ownTime));
}

async function fetchGroup(context: EngineContext, group: readonly Placed[]): Promise<FetchedRow[]> {
  const [first] = group;
  if (first === undefined) return [];
  const rowIds = group.map((place) => place.rowId);
  if (first.tier !== 'cold') {
    return fetchFromTable(context.tiers, tableFor(first.tier, first.ownTime), rowIds).catch(emptyIfDropped);
  }
  const object = first.object === null ? undefined : await context.catalog.read.objectByName(first.object);
  if (object === undefined) return [];
  return context.cold.use([object], ([file]) =>
    file === undefined ? Promise.resolve([]) : fetchFromObject(context.tiers, file, rowIds),
  );
}

/** A period's table may be dropped between the look at the placements and the read: its rows are elsewhere by then. */
function emptyIfDropped(error: unknown): FetchedRow[] {
  if (isDropped(error)) return [];
  throw error;
}

async function again<T>(search: () => Promise<T>): Promise<T> {
  try {
    return await search();
  } catch (error) {
    if (isDropped(error)) return search();
    throw error;
  }
}

function isDropped(error: unknown): boolean {
  return error instanceof Error && /Table with name \w+ does not exist/.test(error.message);
}

function keyText({ systemId, kind, memoryId }: MemoryKey): string {
  return `${systemId}/${kind}/${memoryId}`;
}

function toMemory(row: FetchedRow, tier: Tier): StoredMemory {
  const { rowId: _rowId, fields, ...memory } = row;
  return { ...memory, tier, fields: JSON.parse(fields) as Record<string, unknown> };
}
