import type { Kind, Selection, SelectionCursor, Tier } from '../../../contract/index.js';
import type { SelectedPage, SelectionPageRequest } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { FILTERED, filterParameters } from './lookup.js';

/** Before everything: no system's id is empty. */
const BEGINNING: SelectionCursor = { systemId: '', ownTime: Number.MIN_SAFE_INTEGER, pid: -1 };

/** A placement of a selection. */
export interface SelectedRow {
  pid: number;
  systemId: string;
  kind: Kind;
  memoryId: string;
  ownTime: number;
}

/**
 * Where the placements `p` of a selection are looked for, with `$names` and the parameters of `FILTERED`. Of one tier they come in the order
 * of an index, which is that of the tables and cold objects in which their rows stand: a batch of them reads few of those.
 */
function source({ memories, systemId }: Selection): { from: string; behind: string } {
  const behind = '(p.system_id, p.own_time, p.pid) > ($afterSystem, $afterTime, $afterPid)';
  if (memories !== undefined) {
    // Each once, however often it is named: a placement can be in one batch once.
    const from = `(SELECT DISTINCT value ->> 'systemId' AS system_id, value ->> 'kind' AS kind, value ->> 'memoryId' AS memory_id
        FROM json_each($names)) k
      CROSS JOIN placements p ON p.system_id = k.system_id AND p.kind = k.kind AND p.memory_id = k.memory_id`;
    return { from, behind };
  }
  const from = 'placements p INDEXED BY placements_by_system_age';
  if (systemId === undefined) return { from, behind };
  return { from, behind: 'p.system_id = $system AND (p.own_time, p.pid) > ($afterTime, $afterPid)' };
}

/** In the order of pages: by system, own time and number. */
export function selectRows(
  db: CatalogDatabase,
  selection: Selection,
  { tier, after = BEGINNING, limit }: SelectionPageRequest,
): SelectedRow[] {
  const { from, behind } = source(selection);
  return db.all<SelectedRow>(
    `SELECT p.pid, p.system_id AS systemId, p.kind, p.memory_id AS memoryId, p.own_time AS ownTime FROM ${from}
     WHERE p.tier = $tier AND ${behind} AND p.deleted = 0 AND ${FILTERED}
     ORDER BY p.system_id, p.own_time, p.pid LIMIT $limit`,
    {
      ...filterParameters({ ...selection, tiers: [tier] }),
      ...namesOf(selection),
      tier,
      limit,
      afterSystem: after.systemId,
      afterTime: after.ownTime,
      afterPid: after.pid,
    },
  );
}

export function selectPage(
  db: CatalogDatabase,
  selection: Selection,
  request: SelectionPageRequest,
): SelectedPage {
  const rows = selectRows(db, selection, request);
  const last = rows.length < request.limit ? undefined : rows.at(-1);
  return {
    memories: rows.map(({ systemId, kind, memoryId }) => ({ systemId, kind, memoryId })),
    next: last === undefined ? null : cursorOf(last),
  };
}

export function cursorOf({ systemId, ownTime, pid }: SelectedRow): SelectionCursor {
  return { systemId, ownTime, pid };
}

function namesOf({ memories }: Selection): Record<string, string> {
  return memories === undefined ? {} : { names: JSON.stringify(memories) };
}

/** Memories of a selection by tier. Without a system or names it reads all placements. */
export function countSelected(db: CatalogDatabase, selection: Selection): Record<Tier, number> {
  const { memories, systemId } = selection;
  const from = memories === undefined ? 'placements p' : source(selection).from;
  const ofSystem = memories === undefined && systemId !== undefined ? 'p.system_id = $system AND' : '';
  const rows = db.all<{ tier: Tier; memories: number }>(
    `SELECT p.tier, count(*) AS memories FROM ${from} WHERE ${ofSystem} p.deleted = 0 AND ${FILTERED} GROUP BY p.tier`,
    { ...filterParameters({ ...selection, tiers: [] }), ...namesOf(selection) },
  );
  const counts: Record<Tier, number> = { hot: 0, warm: 0, cold: 0 };
  for (const { tier, memories: count } of rows) counts[tier] = count;
  return counts;
}
