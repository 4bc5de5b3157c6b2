import type { SearchAnswer } from './answer.js';
import { Budget } from './budget.js';
import { searchByRelevance } from './by-relevance.js';
import { searchByTime } from './by-time.js';
import type { SearchContext } from './context.js';
import { checkRequest, type SearchRequest } from './request.js';
import { searchTerms } from './terms.js';

/**
 * Searches all tiers by vector and by words. Any text is a valid query. What fails or is late is named in `partial` or
 * `embedding` and never fails the whole. Raises `BadRequest` for a bad filter, limit or cursor and `Cancelled` on the signal.
 */
export async function search(
  context: SearchContext,
  request: SearchRequest,
  signal?: AbortSignal,
): Promise<SearchAnswer> {
  const checked = checkRequest(request);
  const running = {
    context,
    request: checked,
    terms: searchTerms(checked.text),
    budget: new Budget(context.timeoutMs, signal),
    now: (context.clock ?? Date.now)(),
  };
  return checked.sort === 'time' ? searchByTime(running) : searchByRelevance(running);
}
