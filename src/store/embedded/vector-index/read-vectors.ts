import { EMBEDDING_MODEL } from '../../../memory/index.js';
import type { EngineContext } from '../context.js';
import { isDropped } from '../current-rows.js';
import { qualified, tableFor, type PeriodTable } from '../tiers/tables.js';
import { vectorsFromTable, type RowVectors } from '../tiers/vectors-of-rows.js';
import type { IndexedPlace, VectorPart } from './messages.js';

/** Of one table, in one statement: what it takes DuckDB to begin one is soon worth it, and 3 MB are held at once. */
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
  for (const { table, places: wanted } of byTable(places)) {
    for (let i = 0; i < wanted.length; i += ROWS) {
      const lot = wanted.slice(i, i + ROWS);
      const found = await readTable(context, table, lot);
      const byRow = new Map(lot.map((place) => [place.rowId, place]));
      parts.push({ places: take(byRow, found.rowIds), components: found.components });
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

async function readTable(
  context: EngineContext,
  table: PeriodTable,
  places: readonly IndexedPlace[],
): Promise<RowVectors> {
  try {
    return await vectorsFromTable(
      context.tiers,
      table,
      places.map(({ rowId }) => rowId),
    );
  } catch (error) {
    if (isDropped(error)) return { rowIds: [], components: new Float32Array(0) };
    throw error;
  }
}

function byTable(places: readonly IndexedPlace[]): { table: PeriodTable; places: IndexedPlace[] }[] {
  const tables = new Map<string, { table: PeriodTable; places: IndexedPlace[] }>();
  for (const place of places) {
    const table = tableFor(place.tier, place.ownTime);
    const name = qualified(table);
    const group = tables.get(name) ?? { table, places: [] };
    group.places.push(place);
    tables.set(name, group);
  }
  return [...tables.values()];
}
