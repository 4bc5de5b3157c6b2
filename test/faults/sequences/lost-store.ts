import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readFound } from '../../../src/ingest/index.js';
import { rebuildStore } from '../../../src/maintenance/index.js';
import { openRebuild } from '../../../src/store/index.js';
import type { FaultWorld } from './fault-world.js';

/** The disk of the store is gone. */
export async function loseStore(world: FaultWorld): Promise<void> {
  await world.closeStore();
  world.isLost = true;
  for (const folder of ['store', 'cache', 'index'])
    await rm(join(world.data, folder), { recursive: true, force: true });
}

/** From object storage alone. */
export async function rebuildAll(world: FaultWorld): Promise<void> {
  const rebuild = await openRebuild({ ...world.engineOptions, asOf: world.now });
  try {
    await rebuildStore({
      rebuild,
      uploads: world.objects,
      archive: world.objects,
      scratch: world.scratch,
      readManifest: async (place, signal) =>
        (await readFound({ uploads: world.objects }, place, signal))?.upload,
      hashFile: (file) => world.reader.hashFile(file),
      longestMs: 0,
      oldServerDeadSince: null,
      skipDamaged: false,
      now: () => world.now,
      onProgress: () => undefined,
      onDamaged: (key) => {
        throw new Error(`${key} is damaged`);
      },
    });
  } finally {
    await rebuild.close();
  }
}
