import type { Tier } from '../../../contract/index.js';
import type { Candidate, Match, MatchStart, SearchFilters } from '../../store.js';
import { joined, type AsJson } from './as-json.js';
import type { CatalogDatabase } from './database.js';
import { candidateObject, FILTERED, filterParameters, keyOf, type KeyRow } from './lookup.js';
import { matchOf } from './text-index.js';
import { prepareRanking, rankTexts, type RankedText } from './word-ranking.js';

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
 * asked for. Only what ranks best is looked up, for each match of a common word would cost a look at its placement; where filters let few pass,
 * lot after lot, until there are enough.
 */
export function searchText(
  db: CatalogDatabase,
  { terms, filters, limit }: WordSearch,
): AsJson<WordCandidate[]> {
  const most = limit * BOTH;
  const parts: AsJson<WordCandidate[]>[] = [];
  let left = most;
  prepareRanking(db);
  return db.snapshot(() => {
    for (const lot of rankTexts(db, terms).lots(most)) {
      const { rows, count } = lookUp(db, lot, { filters, left });
      parts.push(rows);
      left -= count;
      if (left <= 0) break;
    }
    return joined(...parts);
  });
}

function lookUp(
  db: CatalogDatabase,
  lot: readonly RankedText[],
  { filters, left }: { filters: SearchFilters; left: number },
): { rows: AsJson<WordCandidate[]>; count: number } {
  return db.jsonAndCount<WordCandidate>(
    `SELECT ${candidateObject('j.value ->> 1')} AS row FROM json_each($lot) j CROSS JOIN placements p ON p.pid = j.value ->> 0
     WHERE p.tier IN (SELECT value FROM json_each($tiers)) AND p.tier <> 'cold' AND p.deleted = 0 AND ${FILTERED}
     ORDER BY j.key LIMIT $left`,
    {
      lot: JSON.stringify(lot.map(({ pid, score }) => [pid, score])),
      tiers: JSON.stringify(filters.tiers),
      ...filterParameters(filters),
      left,
    },
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
