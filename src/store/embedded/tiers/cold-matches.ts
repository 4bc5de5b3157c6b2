import type { Kind } from '../../../contract/index.js';
import type { Match, MatchStart, SearchFilters } from '../../store.js';
import { filterSql, parquet } from './searching.js';
import { queryRows } from './queries.js';
import type { TierDatabase } from './tier-database.js';

export interface ColdMatches {
  terms: readonly string[];
  filters: SearchFilters;
  after: MatchStart | undefined;
  limit: number;
}

/** The newest rows that hold all of the terms, also within longer words. Objects are in order of time: the newest are read first. */
export async function listColdMatches(
  tiers: TierDatabase,
  files: readonly string[],
  { terms, filters, after, limit }: ColdMatches,
): Promise<Match[]> {
  if (files.length === 0 || terms.length === 0) return [];
  const { sql, values } = filterSql(filters);
  terms.forEach((term, i) => (values[`term${i}`] = term.toLowerCase()));
  if (after !== undefined) {
    values['afterSystem'] = after.systemId;
    values['afterKind'] = after.kind;
    values['afterMemory'] = after.memoryId;
  }
  const behind =
    after === undefined
      ? 'true'
      : `(own < ${after.ownTime} OR (own = ${after.ownTime}
           AND (system_id, kind, memory_id) > ($afterSystem, $afterKind, $afterMemory)))`;
  const rows = await tiers.read((connection) =>
    queryRows<{ system_id: string; kind: Kind; memory_id: string; own: bigint }>(
      connection,
      `SELECT system_id, kind, memory_id, own
       FROM (SELECT system_id, kind, memory_id, epoch_ms(own_time) AS own, strip_accents(lower(content)) AS folded
         FROM ${parquet(files)} WHERE true${sql})
       WHERE ${behind} AND ${terms.map((_, i) => `contains(folded, strip_accents($term${i}))`).join(' AND ')}
       ORDER BY own DESC, system_id, kind, memory_id LIMIT ${limit}`,
      values,
    ),
  );
  return rows.map((row) => ({
    systemId: row.system_id,
    kind: row.kind,
    memoryId: row.memory_id,
    ownTime: Number(row.own),
  }));
}
