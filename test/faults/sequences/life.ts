import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '../../../src/objects/index.js';
import { ReaderPool } from '../../../src/reader/index.js';
import type { WorldParts, WorldState } from './fault-world.js';
import type { OperationState } from './operations.js';

/** What a server that is killed leaves for the next, beside its data folder and its objects. */
export interface Life {
  world: WorldState;
  operations: OperationState;
  /** Under way. */
  attempted: string | null;
}

export function stateFile(folder: string): string {
  return join(folder, 'state.json');
}

export async function partsOf(folder: string): Promise<WorldParts> {
  const data = join(folder, 'data');
  for (const name of ['readers', 'scratch']) await mkdir(join(data, name), { recursive: true });
  const objects = await openObjectStore(pathToFileURL(join(folder, 'objects')).href);
  const limits = { size: 2, memoryLimitMb: 256, jobTimeoutMs: 30_000 };
  const reader = new ReaderPool({ ...limits, folder: join(data, 'readers') });
  return { data, objects, direct: objects, reader };
}
