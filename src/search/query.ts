import { TIERS, type Tier } from '../contract/index.js';
import type { TierDamage } from '../store/index.js';
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
  const answer = await (checked.sort === 'time' ? searchByTime(running) : searchByRelevance(running));
  return { ...answer, partial: withDamage(answer.partial, context.store.damaged(), checked.filters.tiers) };
}

/** What is gone from a tier is missing without anything having failed. */
function withDamage(
  partial: SearchAnswer['partial'],
  damaged: readonly TierDamage[],
  asked: readonly Tier[],
): SearchAnswer['partial'] {
  const reasons = new Map(partial.map(({ tier, reason }) => [tier, reason]));
  for (const { tier, since } of damaged) {
    if (!asked.includes(tier)) continue;
    const lost = `its file was lost or damaged (noticed ${new Date(since).toISOString()}); \`akosha repair\` brings back what it held`;
    const reason = reasons.get(tier);
    reasons.set(tier, reason === undefined ? lost : `${reason}; ${lost}`);
  }
  return TIERS.flatMap((tier) => {
    const reason = reasons.get(tier);
    return reason === undefined ? [] : [{ tier, reason }];
  });
}
