import {
  AkoshaError,
  SEARCH_SORTS,
  TIERS,
  type Kind,
  type SearchSort,
  type Tier,
} from '../contract/index.js';
import type { SearchFilters } from '../store/index.js';
import { readCursor, type Position } from './cursor.js';
import { DEFAULT_LIMIT, MAX_LIMIT } from './limits.js';

/** What is asked of a search. Every filter that is left out lets everything pass. */
export interface SearchRequest {
  text: string;
  /** 1 to 1000, by default 10. */
  limit?: number | undefined;
  systemId?: string | undefined;
  kind?: Kind | undefined;
  project?: string | undefined;
  tag?: string | undefined;
  /** Own time, milliseconds since 1970: from `since` to before `until`. */
  since?: number | undefined;
  until?: number | undefined;
  /** Only what an ingest had first committed by then, in its present wording; milliseconds since 1970. */
  knownBy?: number | undefined;
  /** At least one; by default all. */
  tiers?: readonly Tier[] | undefined;
  /** By default `relevance`. */
  sort?: SearchSort | undefined;
  /** `nextCursor` of the page before, for the same text, filters and sort. */
  cursor?: string | undefined;
  /** With each result a part of its text, and where the query's words stand in it. */
  snippets?: boolean | undefined;
  /** With each result why it stands where it does. */
  explain?: boolean | undefined;
}

export interface CheckedRequest {
  text: string;
  limit: number;
  filters: SearchFilters;
  sort: SearchSort;
  /** What the page goes on behind; undefined for the first. */
  position: Position | undefined;
  snippets: boolean;
  explain: boolean;
}

/** Raises `BadRequest`, naming the field and the rule. */
export function checkRequest(request: SearchRequest): CheckedRequest {
  const { text, limit = DEFAULT_LIMIT, systemId, kind, project, tag, since, until, knownBy } = request;
  const { sort = 'relevance', snippets = false, explain = false } = request;
  const asked = request.tiers ?? TIERS;
  const tiers = TIERS.filter((tier) => asked.includes(tier));
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw refuse('limit', `must be a whole number from 1 to ${MAX_LIMIT}, not ${limit}`);
  if (tiers.length === 0) throw refuse('tiers', `must name at least one of ${TIERS.join(', ')}`);
  if (!SEARCH_SORTS.includes(sort)) throw refuse('sort', `must be one of ${SEARCH_SORTS.join(', ')}`);
  for (const [field, time] of Object.entries({ since, until, knownBy })) {
    if (time !== undefined && !Number.isSafeInteger(time))
      throw refuse(field, 'must be a time in whole milliseconds since 1970');
  }
  if (since !== undefined && until !== undefined && since >= until)
    throw refuse('since', 'must be before until');
  const filters: SearchFilters = {
    tiers,
    ...(systemId === undefined ? {} : { systemId }),
    ...(kind === undefined ? {} : { kind }),
    ...(project === undefined ? {} : { project }),
    ...(tag === undefined ? {} : { tag }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(knownBy === undefined ? {} : { knownBy }),
  };
  const position =
    request.cursor === undefined ? undefined : readCursor(request.cursor, { text, sort, filters });
  if (position === 'foreign')
    throw refuse(
      'cursor',
      'must be the next_cursor of a page of this search: the same query, filters and sort',
    );
  return { text, limit, filters, sort, position, snippets, explain };
}

function refuse(field: string, rule: string): AkoshaError {
  return new AkoshaError('BadRequest', `search: ${field} ${rule}`, {
    details: { fields: [{ field, rule }] },
  });
}
