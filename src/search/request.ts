import { AkoshaError, TIERS, type Kind, type Tier } from '../contract/index.js';
import type { SearchFilters } from '../store/index.js';

export const DEFAULT_LIMIT = 10;

/** Results hold whole texts; who needs more than these pages by time with `until`. */
export const MAX_LIMIT = 1000;

/** What is asked of a search. Every filter that is left out lets everything pass. */
export interface SearchRequest {
  text: string;
  /** 1 to 1000, by default 10. */
  limit?: number | undefined;
  systemId?: string | undefined;
  kind?: Kind | undefined;
  project?: string | undefined;
  /** Own time, milliseconds since 1970: from `since` to before `until`. */
  since?: number | undefined;
  until?: number | undefined;
  /** At least one; by default all. */
  tiers?: readonly Tier[] | undefined;
}

export interface CheckedRequest {
  text: string;
  limit: number;
  filters: SearchFilters;
}

/** Raises `BadRequest`, naming the field and the rule. */
export function checkRequest(request: SearchRequest): CheckedRequest {
  const { text, limit = DEFAULT_LIMIT, systemId, kind, project, since, until } = request;
  const asked = request.tiers ?? TIERS;
  const tiers = TIERS.filter((tier) => asked.includes(tier));
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw refuse('limit', `must be a whole number from 1 to ${MAX_LIMIT}, not ${limit}`);
  if (tiers.length === 0) throw refuse('tiers', `must name at least one of ${TIERS.join(', ')}`);
  for (const [field, time] of Object.entries({ since, until })) {
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
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
  return { text, limit, filters };
}

function refuse(field: string, rule: string): AkoshaError {
  return new AkoshaError('BadRequest', `search: ${field} ${rule}`, {
    details: { fields: [{ field, rule }] },
  });
}
