import type { Tier } from '../../../contract/index.js';
import type { Candidate, Match, MatchStart, SearchFilters } from '../../store.js';
import type { AsJson } from './as-json.js';
import type { CatalogDatabase } from './database.js';
import { candidateObject, FILTERED, filterParameters, keyOf, type KeyRow } from './lookup.js';
import { matchOf } from './text-index.js';

interface WordSearch {
  terms: readonly string[];
  filters: SearchFilters;
  limit: number;
}

export interface WordCandidate extends Candidate {
  tier: Tier;
}

/** Of both tiers together so many more: one of them then has as many as were asked for, wherever there are more to be had. */
const BOTH = 2;

/**
 * The best matches of any of the terms by BM25 in the tiers that the text index covers, best first, of which those of one tier may be more than
 * asked for. Without filters the index ranks by itself, and only what it found best is looked up: each match of a common word would cost
 * a look at its placement.
 */
export function searchText(
  db: CatalogDatabase,
  { terms, filters, limit }: WordSearch,
): AsJson<WordCandidate[]> {
  const match = matchOf(terms, 'any');
  const most = limit * BOTH;
  const { tiers, ...others } = filters;
  const isAll = tiers.includes('hot') && tiers.includes('warm') && Object.keys(others).length === 0;
  return isAll
    ? db.allAsJson<WordCandidate>(
        `SELECT ${candidateObject('-f.rank')} AS row
         FROM (SELECT rowid, rank FROM memory_text WHERE memory_text MATCH $match ORDER BY rank LIMIT $most) f
         CROSS JOIN placements p ON p.pid = f.rowid
         WHERE p.tier <> 'cold' AND p.deleted = 0 ORDER BY f.rank, p.pid`,
        { match, most },
      )
    : db.allAsJson<WordCandidate>(
        `SELECT ${candidateObject('-bm25(memory_text)')} AS row
         FROM memory_text JOIN placements p ON p.pid = memory_text.rowid
         WHERE memory_text MATCH $match AND p.tier IN (SELECT value FROM json_each($tiers)) AND p.tier <> 'cold'
           AND p.deleted = 0 AND ${FILTERED}
         ORDER BY bm25(memory_text), p.pid LIMIT $most`,
        { match, tiers: JSON.stringify(tiers), ...filterParameters(filters), most },
      );
}

/** Those that hold all of the terms, in a tier that the text index covers, newest first. */
export function listMatches(
  db: CatalogDatabase,
  { tier, terms, filters, limit, after }: WordSearch & { tier: Tier; after: MatchStart | undefined },
): Match[] {
  const rows = db.all<KeyRow & { own_time: number }>(
    `SELECT p.system_id, p.kind, p.memory_id, p.own_time
     FROM memory_text JOIN placements p ON p.pid = memory_text.rowid
     WHERE memory_text MATCH $match AND p.tier = $tier AND p.deleted = 0 AND ${FILTERED}
       AND ($afterTime IS NULL OR p.own_time < $afterTime OR (p.own_time = $afterTime
         AND (p.system_id, p.kind, p.memory_id) > ($afterSystem, $afterKind, $afterMemory)))
     ORDER BY p.own_time DESC, p.system_id, p.kind, p.memory_id LIMIT $limit`,
    {
      match: matchOf(terms, 'all'),
      tier,
      ...filterParameters(filters),
      limit,
      afterTime: after?.ownTime ?? null,
      afterSystem: after?.systemId ?? null,
      afterKind: after?.kind ?? null,
      afterMemory: after?.memoryId ?? null,
    },
  );
  return rows.map((row) => ({ ...keyOf(row), ownTime: row.own_time }));
}
