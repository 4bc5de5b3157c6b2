import { EMBEDDING_MODEL } from '../../../memory/index.js';
import type { EngineContext } from '../context.js';
import { isDropped } from '../current-rows.js';
import { qualified, tableFor, type PeriodTable, type TableRows, type TableTier } from '../tiers/tables.js';
import { vectorsOfRows, type RowVectors } from '../tiers/vectors-of-rows.js';
import type { IndexedPlace, VectorPart } from './messages.js';

/** In one statement: what it takes DuckDB to begin one is soon worth it, and 3 MB are held at once. */
const ROWS = 2_000;

export interface ReadVectors {
  parts: VectorPart[];
  without: IndexedPlace[];
}

/**
 * The vectors that stand in the rows of these placements, where they are of the model. A row that is gone has moved on, and the change that
 * tells it is still to come: until then it counts as without.
 */
export async function readVectors(
  context: EngineContext,
  model: string,
  places: readonly IndexedPlace[],
): Promise<ReadVectors> {
  if (model !== EMBEDDING_MODEL) return { parts: [], without: [...places] };
  const parts: VectorPart[] = [];
  const without: IndexedPlace[] = [];
  for (const tier of ['hot', 'warm'] as const) {
    const wanted = places.filter((place) => place.tier === tier);
    for (let i = 0; i < wanted.length; i += ROWS) {
      const lot = wanted.slice(i, i + ROWS);
      const byRow = new Map(lot.map((place) => [place.rowId, place]));
      for (const { rowIds, components } of await readRows(context, tier, byTable(lot)))
        parts.push({ places: take(byRow, rowIds), components });
      without.push(...byRow.values());
    }
  }
  return { parts, without };
}

function take(byRow: Map<number, IndexedPlace>, rowIds: readonly number[]): IndexedPlace[] {
  return rowIds.flatMap((rowId) => {
    const place = byRow.get(rowId);
    byRow.delete(rowId);
    return place === undefined ? [] : [place];
  });
}

/** Of the tables that still stand: where one was dropped meanwhile, each is asked by itself. */
async function readRows(
  context: EngineContext,
  tier: TableTier,
  tables: readonly TableRows[],
): Promise<RowVectors[]> {
  try {
    return [await vectorsOfRows(context.tiers, tier, tables)];
  } catch (error) {
    if (!isDropped(error)) throw error;
    if (tables.length === 1) return [];
    const parts: RowVectors[] = [];
    for (const table of tables) parts.push(...(await readRows(context, tier, [table])));
    return parts;
  }
}

function byTable(places: readonly IndexedPlace[]): TableRows[] {
  const tables = new Map<string, { table: PeriodTable; rowIds: number[] }>();
  for (const place of places) {
    const table = tableFor(place.tier, place.ownTime);
    const name = qualified(table);
    const group = tables.get(name) ?? { table, rowIds: [] };
    group.rowIds.push(place.rowId);
    tables.set(name, group);
  }
  return [...tables.values()];
}
