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
  const all = await budget.attempt(SHARES.fetch, () => fetchFrom(store, keys, filters.tiers));
  if (all.ok) return { ...all.value, rows: current(all.value.rows, filters) };
  const faults = new Map<Tier, string>();
  const parts = await Promise.all(
    filters.tiers.map(async (tier) => {
      const part = await budget.attempt(SHARES.fetchByTier, () => fetchFrom(store, keys, [tier]));
      if (!part.ok) faults.set(tier, `rows: ${part.reason}`);
      else for (const [of, fault] of part.value.faults) faults.set(of, fault);
      return part.ok ? part.value.rows : [];
    }),
  );
  return { rows: current(parts.flat(), filters), faults };
}

/** What is gone from where it should be is missing without anything having failed. */
async function fetchFrom(
  store: MemoryStore,
  keys: readonly FoundKey[],
  tiers: readonly Tier[],
): Promise<{ rows: StoredMemory[]; faults: Map<Tier, string> }> {
  const faults = new Map<Tier, string>();
  const rows = await store.fetch(keys, tiers, (tier) => faults.set(tier, `rows: ${lostFrom(tier)}`));
  return { rows, faults };
}

function lostFrom(tier: Tier): string {
  return tier === 'cold'
    ? 'some are not in the objects that the catalog names for them; `akosha scrub --wait` says which'
    : `some are not in its file, where the catalog has them; \`akosha repair --tier ${tier}\` brings them back`;
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
