import type { Tier } from '../../../contract/index.js';
import type { Candidate, Match, MatchStart, SearchFilters } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { FILTERED, filterParameters, keyOf, toCandidate, type CandidateRow, type KeyRow } from './lookup.js';
import { matchOf } from './text-index.js';

export interface WordSearch {
  tier: Tier;
  terms: readonly string[];
  filters: SearchFilters;
  limit: number;
}

/** The best matches of any of the terms by BM25 in a tier that the text index covers. */
export function searchText(db: CatalogDatabase, { tier, terms, filters, limit }: WordSearch): Candidate[] {
  return db
    .all<CandidateRow>(
      `SELECT p.system_id, p.kind, p.memory_id, -bm25(memory_text) AS score
       FROM memory_text JOIN placements p ON p.pid = memory_text.rowid
       WHERE memory_text MATCH $match AND p.tier = $tier AND p.deleted = 0
         AND ${FILTERED}
       ORDER BY bm25(memory_text), p.pid LIMIT $limit`,
      { match: matchOf(terms, 'any'), tier, ...filterParameters(filters), limit },
    )
    .map(toCandidate);
}

/** Those that hold all of the terms, in a tier that the text index covers, newest first. */
export function listMatches(
  db: CatalogDatabase,
  { tier, terms, filters, limit, after }: WordSearch & { after: MatchStart | undefined },
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
