import type { Kind, MemoryKey, Tier } from '../../../contract/index.js';
import type {
  Candidate,
  FoundKey,
  PageRequest,
  SearchFilters,
  TierCounts,
  WrittenObject,
} from '../../store.js';
import { joined, type AsJson } from './as-json.js';
import type { CatalogDatabase } from './database.js';

/** Where a memory's row is now, and what the catalog has of it. */
export interface Placed extends MemoryKey {
  rowId: number;
  tier: Tier;
  hash: string;
  project: string | null;
  ownTime: number;
  /** When an ingest first committed the memory. */
  knownSince: number;
  /** The cold object; null in the other tiers. */
  object: WrittenObject | null;
}

export interface KeyRow {
  system_id: string;
  kind: Kind;
  memory_id: string;
}

export interface CandidateRow extends KeyRow {
  score: number;
}

/** A row of `PLACED`. */
export interface PlacedRow extends KeyRow {
  row_id: number;
  tier: Tier;
  hash: string;
  project: string | null;
  own_time: number;
  known_since: number;
  name: string | null;
  bytes: number;
  sha256: string;
}

/** Of placements `p` and, where they have one, their object `o`. */
export const PLACED =
  'p.system_id, p.kind, p.memory_id, p.row_id, p.tier, p.hash, p.project, p.own_time, p.known_since, o.name, o.bytes, o.sha256';

/** A `Placed` as JSON. */
const PLACED_OBJECT = `json_object('systemId', p.system_id, 'kind', p.kind, 'memoryId', p.memory_id, 'rowId', p.row_id, 'tier', p.tier,
  'hash', p.hash, 'project', p.project, 'ownTime', p.own_time, 'knownSince', p.known_since,
  'object', json(iif(o.name IS NULL, 'null', json_object('name', o.name, 'bytes', o.bytes, 'sha256', o.sha256))))`;

const IS_KEY = `p.system_id = k.value ->> 'systemId' AND p.kind = k.value ->> 'kind' AND p.memory_id = k.value ->> 'memoryId'`;

/** The current placement of each key that has one; deleted ones have none. */
export function placements(db: CatalogDatabase, keys: readonly FoundKey[]): AsJson<Placed[]> {
  const known = keys.filter(({ placeId }) => placeId !== undefined);
  if (known.length === 0) return placedWhere(db, IS_KEY, keys);
  // With the key, because the number of a placement that is gone may be another's by now.
  const byNumber = placedWhere(db, `p.pid = k.value ->> 'placeId' AND ${IS_KEY}`, known);
  if (known.length === keys.length) return byNumber;
  const others = keys.filter(({ placeId }) => placeId === undefined);
  return joined(byNumber, placedWhere(db, IS_KEY, others));
}

/** `on` compares placements `p` with the keys `k`. */
function placedWhere(db: CatalogDatabase, on: string, keys: readonly FoundKey[]): AsJson<Placed[]> {
  return db.allAsJson<Placed>(
    `SELECT ${PLACED_OBJECT} AS row FROM json_each($keys) k CROSS JOIN placements p ON ${on}
     LEFT JOIN objects o ON o.object_id = p.object_id WHERE p.deleted = 0`,
    { keys: JSON.stringify(keys) },
  );
}

/** The current placements of a system in order of kind and memory id, from the one behind `after` on. */
export function systemPlacements(
  db: CatalogDatabase,
  { systemId, after, limit, kind, project, since, until }: PageRequest & { systemId: string },
): Placed[] {
  const rows = db.all<PlacedRow>(
    `SELECT ${PLACED} FROM placements p LEFT JOIN objects o ON o.object_id = p.object_id
     WHERE p.system_id = $systemId AND (p.kind, p.memory_id) > ($afterKind, $afterId) AND p.deleted = 0
       AND ${FILTERED}
     ORDER BY p.kind, p.memory_id LIMIT $limit`,
    {
      ...filterParameters({
        tiers: [],
        ...(kind === undefined ? {} : { kind }),
        ...(project === undefined ? {} : { project }),
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
      }),
      systemId,
      // No kind is empty, so everything is behind that.
      afterKind: after?.kind ?? '',
      afterId: after?.memoryId ?? '',
      limit,
    },
  );
  return rows.map(toPlaced);
}

export function toPlaced(row: PlacedRow): Placed {
  return {
    ...keyOf(row),
    rowId: row.row_id,
    tier: row.tier,
    hash: row.hash,
    project: row.project,
    ownTime: row.own_time,
    knownSince: row.known_since,
    object: row.name === null ? null : { name: row.name, bytes: row.bytes, sha256: row.sha256 },
  };
}

/** What a search's filters let pass of placements `p`, with the parameters of `filterParameters`. */
export const FILTERED = `($system IS NULL OR p.system_id = $system) AND ($kind IS NULL OR p.kind = $kind)
  AND ($project IS NULL OR p.project = $project)
  AND ($tag IS NULL OR EXISTS (SELECT 1 FROM memory_tags g WHERE g.pid = p.pid AND g.tag = $tag))
  AND ($knownBy IS NULL OR p.known_since <= $knownBy)
  AND ($since IS NULL OR p.own_time >= $since) AND ($until IS NULL OR p.own_time < $until)`;

export function filterParameters(filters: SearchFilters): Record<string, string | number | null> {
  return {
    system: filters.systemId ?? null,
    kind: filters.kind ?? null,
    project: filters.project ?? null,
    tag: filters.tag ?? null,
    knownBy: filters.knownBy ?? null,
    since: filters.since ?? null,
    until: filters.until ?? null,
  };
}

/** Of placements `p` a candidate with its tier as JSON; `score` is an expression. */
export function candidateObject(score: string): string {
  return `json_object('placeId', p.pid, 'systemId', p.system_id, 'kind', p.kind, 'memoryId', p.memory_id, 'tier', p.tier, 'score', ${score})`;
}

export function toCandidate(row: CandidateRow): Candidate {
  return { ...keyOf(row), score: row.score };
}

/** Cold objects that can hold a row of these filters, by what the catalog knows of each. */
export function coldObjects(
  db: CatalogDatabase,
  filters: SearchFilters,
): { name: string; bytes: number; sha256: string }[] {
  return db.all(
    `SELECT name, bytes, sha256 FROM objects o WHERE kind = 'cold' AND ($system IS NULL OR system_id = $system)
       AND ($since IS NULL OR max_own_time >= $since) AND ($until IS NULL OR min_own_time < $until)
       AND EXISTS (SELECT 1 FROM placements p WHERE p.object_id = o.object_id AND ($project IS NULL OR p.project = $project))
     ORDER BY name`,
    {
      system: filters.systemId ?? null,
      project: filters.project ?? null,
      since: filters.since ?? null,
      until: filters.until ?? null,
    },
  );
}

/** Rows per tier and kind by placement. `bytes` of cold are its objects'; the other tiers' files are measured elsewhere. */
export function countTiers(db: CatalogDatabase): Record<Tier, TierCounts> {
  const empty = (): TierCounts => ({
    rows: 0,
    bytes: 0,
    usedBytes: 0,
    kinds: { conversation: 0, reflection: 0, entity: 0, relation: 0 },
  });
  const counts: Record<Tier, TierCounts> = { hot: empty(), warm: empty(), cold: empty() };
  const rows = db.all<{ tier: Tier; kind: Kind; memories: number }>(
    'SELECT tier, kind, memories FROM tier_counts',
  );
  for (const { tier, kind, memories } of rows) {
    counts[tier].rows += memories;
    counts[tier].kinds[kind] += memories;
  }
  counts.cold.bytes = db.number(
    `SELECT coalesce(sum(bytes), 0) FROM objects o WHERE kind = 'cold'
       AND EXISTS (SELECT 1 FROM placements p WHERE p.keeper_id = o.object_id)`,
  );
  counts.cold.usedBytes = counts.cold.bytes;
  return counts;
}

export function keyOf(row: KeyRow): MemoryKey {
  return { systemId: row.system_id, kind: row.kind, memoryId: row.memory_id };
}
