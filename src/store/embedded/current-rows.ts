import { isAkoshaError } from '../../contract/index.js';
import type { WrittenObject } from '../store.js';
import type { Placed } from './catalog/lookup.js';
import type { EngineContext } from './context.js';
import { qualified, tableFor, type TableRows } from './tiers/tables.js';

interface ReadRow {
  rowId: number;
  hash: string;
}

/** How the rows of some placements are read: those of some period tables, and those of some cold objects' local copies. */
export interface RowReader<Row extends ReadRow> {
  tables: (parts: readonly TableRows[]) => Promise<Row[]>;
  objects: (files: readonly string[], rowIds: readonly number[]) => Promise<Row[]>;
}

/** A row that a move took away between placement and fetch is found by its next placement; moves are rare, so few rounds do. */
const FETCH_ROUNDS = 3;

/**
 * Reads the rows of placements; a miss looks for its placement again. `missing` are those that no round found: rows that are
 * gone from where the catalog says they are.
 */
export async function readCurrent<Row extends ReadRow>(
  context: EngineContext,
  find: (missing: readonly Placed[] | undefined) => Promise<Placed[]>,
  reader: RowReader<Row>,
  signal?: AbortSignal,
): Promise<{ found: { place: Placed; row: Row }[]; missing: Placed[] }> {
  const found: { place: Placed; row: Row }[] = [];
  let missing: Placed[] | undefined;
  for (let round = 0; round < FETCH_ROUNDS && missing?.length !== 0; round++) {
    const placed = await find(missing);
    const isLast = round === FETCH_ROUNDS - 1;
    const rows = await readPlaced(context, placed, reader, { signal, isLast });
    missing = [];
    for (const place of placed) {
      const row = rows.get(place.rowId);
      // A damaged catalog may name another memory's row.
      if (row?.hash !== place.hash) missing.push(place);
      else found.push({ place, row });
    }
  }
  return { found, missing: missing ?? [] };
}

async function readPlaced<Row extends ReadRow>(
  context: EngineContext,
  placed: readonly Placed[],
  reader: RowReader<Row>,
  { signal, isLast }: { signal: AbortSignal | undefined; isLast: boolean },
): Promise<Map<number, Row>> {
  const tables = new Map<string, TableRows & { rowIds: number[] }>();
  const objects = new Map<string, WrittenObject>();
  const coldIds: number[] = [];
  for (const { tier, object, ownTime, rowId } of placed) {
    if (tier === 'cold') {
      if (object === null) continue;
      objects.set(object.name, object);
      coldIds.push(rowId);
      continue;
    }
    const table = tableFor(tier, ownTime);
    const group = tables.get(qualified(table)) ?? { table, rowIds: [] };
    group.rowIds.push(rowId);
    tables.set(qualified(table), group);
  }
  const cold = async (): Promise<Row[]> =>
    objects.size === 0
      ? []
      : context.cold
          .use([...objects.values()], (files) => reader.objects(files, coldIds), { signal, goesFirst: true })
          .catch((error: unknown): Row[] => {
            // Written anew without what was forgotten, and deleted: its rows are elsewhere by then. Else it is lost, and that is told.
            if (!isLast && isAkoshaError(error, 'ObjectNotFound')) return [];
            throw error;
          });
  const parts = await Promise.all([cold(), readTables([...tables.values()], reader)]);
  return new Map(parts.flat().map((row) => [row.rowId, row]));
}

/** A table that was dropped between the look at the placements and the read is left out: its rows are elsewhere by then. */
async function readTables<Row extends ReadRow>(
  parts: readonly TableRows[],
  reader: RowReader<Row>,
): Promise<Row[]> {
  if (parts.length === 0) return [];
  try {
    return await reader.tables(parts);
  } catch (error) {
    if (!isDropped(error)) throw error;
    if (parts.length === 1) return [];
    const rows = await Promise.all(parts.map((part) => readTables([part], reader)));
    return rows.flat();
  }
}

/** Whether a query failed because a period's table was dropped, all its rows having moved on. */
export function isDropped(error: unknown): boolean {
  return error instanceof Error && /Table with name \w+ does not exist/.test(error.message);
}
