import { keyText, type Tier } from '../contract/index.js';
import type { FoundKey, MemoryStore, SearchFilters, StoredMemory } from '../store/index.js';
import type { Budget } from './budget.js';
import { SHARES } from './candidates.js';

export interface FetchedRows {
  rows: ReadonlyMap<string, StoredMemory>;
  /** Why the rows of a tier are missing. */
  faults: ReadonlyMap<Tier, string>;
}

/**
 * The candidates as they are now. What a row says counts, not what its candidate said: it may have been changed or moved since.
 *
 * One call for all tiers finds a row also while it moves from one to another. Where that fails, a call for each tier loses
 * the failing tier only.
 */
export async function fetchRows(
  store: MemoryStore,
  keys: readonly FoundKey[],
  filters: SearchFilters,
  budget: Budget,
): Promise<FetchedRows> {
  if (keys.length === 0) return { rows: new Map(), faults: new Map() };
  const all = await budget.attempt(SHARES.fetch, () => store.fetch(keys, filters.tiers));
  if (all.ok) return { rows: current(all.value, filters), faults: new Map() };
  const faults = new Map<Tier, string>();
  const parts = await Promise.all(
    filters.tiers.map(async (tier) => {
      const part = await budget.attempt(SHARES.fetchByTier, () => store.fetch(keys, [tier]));
      if (!part.ok) faults.set(tier, `rows: ${part.reason}`);
      return part.ok ? part.value : [];
    }),
  );
  return { rows: current(parts.flat(), filters), faults };
}

function current(rows: readonly StoredMemory[], filters: SearchFilters): Map<string, StoredMemory> {
  return new Map(rows.filter((row) => passes(row, filters)).map((row) => [keyText(row), row]));
}

function passes(row: StoredMemory, filters: SearchFilters): boolean {
  return (
    filters.tiers.includes(row.tier) &&
    (filters.systemId ?? row.systemId) === row.systemId &&
    (filters.kind ?? row.kind) === row.kind &&
    (filters.project ?? row.project) === row.project &&
    (filters.tag === undefined || row.tags.includes(filters.tag)) &&
    (filters.knownBy ?? Infinity) >= row.knownSince &&
    (filters.since ?? -Infinity) <= row.ownTime &&
    (filters.until ?? Infinity) > row.ownTime
  );
}
