import { z } from 'zod';
import type { ApiServices } from './services.js';
import type { Tool } from './mcp-toolbox.js';
import { SearchBody, toSearchReply, toSearchRequest } from './search-schemas.js';

export interface SearchToolContext {
  search: ApiServices['search'];
  /** Raised where the caller hangs up. */
  signal: AbortSignal;
}

/** Of each text: some results of it fit in what a model reads at once, and a memory may have millions of characters. */
const MOST_CONTENT = 2_000;

/** The original's limits and defaults, and what else this search takes. */
const Arguments = SearchBody.omit({ snippets: true }).extend({
  system_id: SearchBody.shape.system_id.nullable().describe('Only memories of this system.'),
  threshold: z
    .number()
    .optional()
    .describe(
      'Taken for the original’s sake and not used: results are ranked, not measured against a bound.',
    ),
});

/** The original's name; there it answers with one made-up row. */
export const SEARCH_TOOL: Tool<SearchToolContext> = {
  description:
    'Search all memories of all systems by meaning and by words. Any text is a query. Each result has a snippet with the places of the ' +
    'query’s words; next_cursor asks for the next page.',
  input: Arguments,
  run: async (raw, { search, signal }) => {
    const { threshold: _ignored, system_id, ...asked } = Arguments.parse(raw);
    const body = { ...asked, system_id: system_id ?? undefined, snippets: true };
    const { results, ...reply } = toSearchReply(body.query, await search(toSearchRequest(body), signal));
    const shortened = results.map(({ content, ...result }) => ({
      ...result,
      content: content.slice(0, MOST_CONTENT),
      content_cut: content.length > MOST_CONTENT,
    }));
    return { output: { ...reply, results: shortened }, failed: false };
  },
};
