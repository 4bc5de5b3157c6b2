import { systemPrefix, type SystemId } from '../contract/index.js';
import { isKey } from '../objects/index.js';
import { unescapeSystemId } from '../memory/index.js';
import type { IngestContext } from './context.js';

/**
 * The folders in which a system's uploads may lie: its id, as our agents write, and its name, as original hosts do. A name that came
 * over HTTP may be one that no folder has, such as a path.
 */
export function foldersOf(systemId: SystemId, name = unescapeSystemId(systemId)): string[] {
  const isFolder = name !== undefined && !name.includes('/') && isKey(systemPrefix(name).slice(0, -1));
  return isFolder && name !== systemId ? [systemId, name] : [systemId];
}

/** Where a system's uploads may lie, by what the catalog has of its name. */
export async function foldersOnRecord(
  { store }: Pick<IngestContext, 'store'>,
  systemId: SystemId,
): Promise<string[]> {
  const [renamed] = await store.renamedSystems(1, systemId);
  return foldersOf(systemId, renamed?.name);
}
