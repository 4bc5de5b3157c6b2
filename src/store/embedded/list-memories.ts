import { AkoshaError, type SystemId } from '../../contract/index.js';
import type { MemoryPage, PageRequest, WholeMemory } from '../store.js';
import type { Placed } from './catalog/lookup.js';
import type { EngineContext } from './context.js';
import { readCurrent } from './current-rows.js';
import { wholeFromObjects, wholeFromTables } from './tiers/listing.js';

/** A page of what a system has; see `MemoryStore.listMemories`. Reads each table and each cold object that it needs once. */
export async function listMemories(
  context: EngineContext,
  systemId: SystemId,
  page: PageRequest,
): Promise<MemoryPage> {
  const { read } = context.catalog;
  const placed = await read.systemPlacements({ systemId, ...page });
  const { found, missing } = await readCurrent(
    context,
    (again) => (again === undefined ? Promise.resolve(placed) : read.placements(again)),
    {
      tables: (parts) => wholeFromTables(context.tiers, parts),
      objects: (files, rowIds) => wholeFromObjects(context.tiers, files, rowIds),
    },
  );
  const [lost] = missing;
  if (lost !== undefined) {
    throw new AkoshaError(
      'VerifyFailed',
      `${missing.length} memories of system ${systemId} are not where the catalog has them, such as the ${lost.kind} ` +
        `${lost.memoryId} in ${lost.tier}`,
    );
  }
  const memories = found
    .map(({ place, row: { rowId: _rowId, ...memory } }) => ({
      ...memory,
      tier: place.tier,
      ownTime: place.ownTime,
    }))
    .sort(byKey);
  return { memories, next: nextPage(placed, page.limit) };
}

/** By the placements, because a memory that is deleted meanwhile leaves its page short without making it the last. */
function nextPage(placed: readonly Placed[], limit: number): MemoryPage['next'] {
  const last = placed.at(-1);
  return last === undefined || placed.length < limit ? null : { kind: last.kind, memoryId: last.memoryId };
}

/** As the catalog orders them: by bytes, which is not how strings of JavaScript compare. */
function byKey(a: WholeMemory, b: WholeMemory): number {
  return compareText(a.kind, b.kind) || compareText(a.memoryId, b.memoryId);
}

function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
