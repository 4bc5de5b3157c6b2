import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import * as contract from '../../src/contract/index.js';
import * as ingest from '../../src/ingest/index.js';
import * as maintenance from '../../src/maintenance/index.js';
import * as objects from '../../src/objects/index.js';
import * as database from '../../src/store/embedded/catalog/database.js';
import { runAll } from '../../src/runtime/index.js';
import type { EngineContext } from '../../src/store/embedded/context.js';
import { openEngine } from '../../src/store/embedded/open-engine.js';
import * as store from '../../src/store/index.js';
import { World } from './protocol/world.js';

/** A store from the sources, so that a test can look at what the engine does inside. */
export async function openWorld(): Promise<World> {
  const world = await World.create({ contract, ingest, objects, store, maintenance, database, load });
  onTestFinished(() => world.destroy());
  return world;
}

/** Whoever works with the sources imports what else he needs. */
function load(file: string): Promise<never> {
  return Promise.reject(new Error(`${file} is to be imported`));
}

/** The files of a store, opened by the sources, without the store over them; closed with the archive when the test is over. */
export async function openContext(
  dataFolder: string,
  archive: objects.ObjectStore,
  textCacheBytes = 0,
): Promise<EngineContext> {
  await mkdir(path.join(dataFolder, 'scratch', 'duckdb'), { recursive: true });
  const { context, opened } = await openEngine(
    {
      ...{ dataFolder, archive, memoryMb: 512, coldCacheBytes: 1e6, textCacheBytes, leaseMs: 1e6 },
      policy: { hotDays: 7, warmDays: 90, coldBatchRows: 1, coldOverdueDays: 7 },
      hashFile: () => Promise.resolve({ bytes: 0, sha256: '' }),
      now: () => 1,
    },
    () => Promise.resolve(1),
  );
  onTestFinished(() => runAll([...opened, () => archive.close()]));
  return context;
}
