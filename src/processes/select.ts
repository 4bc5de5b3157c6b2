import type { SelectionRequest } from '../api/index.js';
import { AkoshaError, type Selection } from '../contract/index.js';
import type { Search } from '../search/index.js';

/**
 * The memories that are meant: what a text finds is searched, and named. Raises `StoreBusy` where a tier did not answer in time, because
 * what it has would be left out without a word; `MemoryUnknown` where nothing is found.
 */
export async function select(
  search: Search,
  { selection, query }: SelectionRequest,
  signal?: AbortSignal,
): Promise<Selection> {
  if (query === null) return selection;
  const { memories: _none, ...filters } = selection;
  const { results, partial } = await search.search({ ...query, ...filters }, signal);
  const [missing] = partial;
  if (missing !== undefined) {
    throw new AkoshaError(
      'StoreBusy',
      `the search is incomplete (${missing.tier}: ${missing.reason}), so that memories would be left out: try again`,
    );
  }
  if (results.length === 0) throw new AkoshaError('MemoryUnknown', 'nothing is found by this query');
  return {
    ...filters,
    memories: results.map(({ systemId, kind, memoryId }) => ({ systemId, kind, memoryId })),
  };
}
