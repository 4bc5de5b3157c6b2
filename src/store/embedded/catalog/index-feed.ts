import type { Tier } from '../../../contract/index.js';
import { EMBEDDING_DIMENSIONS } from '../../../memory/row.js';
import type { IndexedPlace } from '../vector-index/messages.js';
import type { AsJson } from './as-json.js';
import type { CatalogDatabase } from './database.js';
import { candidateObject } from './lookup.js';
import type { Candidate } from '../../store.js';

/** What a vector index, and searches, ask of the list of changes. The index has a connection of its own, on its own thread. */

/** The number of the last change there ever was. Those of before may be trimmed. */
export function lastChange(db: CatalogDatabase): number {
  return db.number(`SELECT seq FROM sqlite_sequence WHERE name = 'changes'`);
}

/** Where those memories stand now that were known before, and to which one of the changes behind `since` gave another place. */
export function tiersMovedInto(db: CatalogDatabase, since: number): Tier[] {
  const rows = db.all<{ tier: Tier }>(
    `SELECT DISTINCT p.tier FROM changes c JOIN placements p ON p.pid = c.pid WHERE c.seq > $since
     AND (c.what = 'moved' OR (c.what = 'placed' AND p.known_since < c.at))`,
    { since },
  );
  return rows.map(({ tier }) => tier);
}

const PLACE = `p.pid, p.row_id AS rowId, p.system_id AS systemId, p.kind, p.project, p.tier, p.own_time AS ownTime,
  p.known_since AS knownSince`;
const INDEXED = `p.deleted = 0 AND p.tier <> 'cold'`;

/** Placements looked at in one statement: some milliseconds, in which no search is answered. */
const WINDOW = 5_000;

/** The indexed ones of the next placements behind `after`; `until` is the last of them, null where there was none. */
export function placesAfter(
  db: CatalogDatabase,
  after: number,
): { places: IndexedPlace[]; until: number | null } {
  const window = `SELECT * FROM placements WHERE pid > $after ORDER BY pid LIMIT ${WINDOW}`;
  const places = db.all<IndexedPlace>(`SELECT ${PLACE} FROM (${window}) p WHERE ${INDEXED}`, { after });
  const last = db.get<{ pid: number | null }>(`SELECT max(pid) AS pid FROM (${window})`, { after });
  return { places, until: last?.pid ?? null };
}

export interface ChangedPlace extends IndexedPlace {
  change: 'placed' | 'moved';
}

export interface ChangedPart {
  places: ChangedPlace[];
  /** Not in hot or warm any more. */
  gone: number[];
  /** The last change of this part; null where there is none behind `after`. */
  until: number | null;
}

/** What the changes behind `since` are: placements that moved, the last that tells of another row or a new one (0 where there is none), and the last. */
export function changesSince(
  db: CatalogDatabase,
  since: number,
): { moved: number[]; placed: number; until: number } {
  const found = db.get<{ moved: string; placed: number; until: number }>(
    `SELECT json_group_array(pid) FILTER (WHERE what = 'moved') AS moved,
       coalesce(max(seq) FILTER (WHERE what = 'placed'), 0) AS placed, coalesce(max(seq), $since) AS until
     FROM changes WHERE seq > $since`,
    { since },
  );
  return {
    moved: JSON.parse(found?.moved ?? '[]') as number[],
    placed: found?.placed ?? 0,
    until: found?.until ?? since,
  };
}

interface ChangeRow {
  seq: number;
  pid: number;
  row_id: number;
  what: 'placed' | 'moved' | 'removed';
}

/** Changes in one part: vectors of so many rows are read together, and are 1.5 MB. */
const CHANGES = 1_000;

/** What the next changes behind `after` came to: placements as they are now, which may be further on than the changes of this part. */
export function changesAfter(db: CatalogDatabase, after: number): ChangedPart {
  const changes = db.all<ChangeRow>(
    `SELECT seq, pid, row_id, what FROM changes WHERE seq > $after ORDER BY seq LIMIT ${CHANGES}`,
    { after },
  );
  const byPlacement = new Map<number, ChangeRow[]>();
  for (const change of changes) byPlacement.set(change.pid, [...(byPlacement.get(change.pid) ?? []), change]);
  const pids = JSON.stringify([...byPlacement.keys()]);
  const rows = db.all<Omit<IndexedPlace, 'tier'> & { deleted: number; tier: Tier }>(
    `SELECT ${PLACE}, p.deleted FROM json_each($pids) j JOIN placements p ON p.pid = j.value`,
    { pids },
  );
  const places: ChangedPlace[] = [];
  for (const { deleted, tier, ...row } of rows) {
    if (deleted === 0 && tier !== 'cold')
      places.push({ ...row, tier, change: isMove(byPlacement.get(row.pid), row.rowId) ? 'moved' : 'placed' });
  }
  const there = new Set(places.map(({ pid }) => pid));
  const gone = [...byPlacement.keys()].filter((pid) => !there.has(pid));
  return {
    places,
    gone,
    until: changes.at(-1)?.seq ?? null,
  };
}

/** Whether nothing but moves led to this row. It may have been replaced since, which a later change tells. */
function isMove(changes: readonly ChangeRow[] = [], rowId: number): boolean {
  return changes.every(({ what }) => what === 'moved') && changes.at(-1)?.row_id === rowId;
}

/** Those that the server made, of the placements that have one. */
export function madeVectorsOf(
  db: CatalogDatabase,
  model: string,
  pids: readonly number[],
): { pid: number; vector: Float32Array }[] {
  const rows = db.all<{ pid: number; vector: Buffer | ArrayBuffer }>(
    `SELECT v.pid, vector32(v.vector) AS vector FROM json_each($pids) j CROSS JOIN models m
     JOIN vectors v ON v.model_id = m.model_id AND v.pid = j.value WHERE m.name = $model`,
    { model, pids: JSON.stringify(pids) },
  );
  return rows.map(({ pid, vector }) => ({ pid, vector: floatsOf(vector) }));
}

/** Copied, because a buffer of the database begins at any byte. libsql gives a column of many rows as another class than that of one. */
function floatsOf(bytes: Buffer | ArrayBuffer): Float32Array {
  const vector = new Float32Array(EMBEDDING_DIMENSIONS);
  new Uint8Array(vector.buffer).set(new Uint8Array(bytes));
  return vector;
}

/** The placements that have a tag, of whatever tier. */
export function taggedPlaces(db: CatalogDatabase, tag: string): number[] {
  return db
    .all<{ pid: number }>('SELECT pid FROM memory_tags WHERE tag = $tag', { tag })
    .map(({ pid }) => pid);
}

/** Placements that are current, with the scores that they were found by. Those that are gone, or cold by now, are left out. */
export function currentCandidates(
  db: CatalogDatabase,
  found: readonly { pid: number; score: number }[],
): { rows: AsJson<(Candidate & { tier: Tier })[]>; count: number } {
  return db.jsonAndCount<Candidate & { tier: Tier }>(
    `SELECT ${candidateObject('j.value ->> 1')} AS row FROM json_each($found) j CROSS JOIN placements p ON p.pid = j.value ->> 0
     WHERE ${INDEXED} ORDER BY j.key`,
    { found: JSON.stringify(found.map(({ pid, score }) => [pid, score])) },
  );
}
