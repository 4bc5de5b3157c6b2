import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import {
  COLD_PREFIX,
  EXPIRIES_PREFIX,
  idOfExpiry,
  JOURNAL_PREFIX,
  operationOfObject,
  TOMBSTONES_PREFIX,
} from '../../contract/index.js';
import type { ObjectStore } from '../../objects/index.js';
import { runAll, takeLock } from '../../runtime/index.js';
import type { TierPolicy } from '../store.js';
import { Catalog } from './catalog/catalog.js';
import { IDS_PER_EPOCH } from './catalog/schema.js';
import { ColdCache } from './cold-cache.js';
import { EngineContext, type HashFile } from './context.js';
import { TextCache } from './text-cache.js';
import { TierDatabase } from './tiers/tier-database.js';

export interface EngineOptions {
  /** `<data>/store` and `<data>/cache` go here. */
  dataFolder: string;
  /** Where journal and cold objects are. */
  archive: ObjectStore;
  policy: TierPolicy;
  memoryMb: number;
  coldCacheBytes: number;
  /** Of memory; by default none. */
  textCacheBytes?: number;
  /** How long an operation may take before it counts as dead, in milliseconds. */
  leaseMs: number;
  hashFile: HashFile;
  /** The system's clock, milliseconds since 1970. */
  now: () => number;
}

export interface Engine {
  context: EngineContext;
  /** What closes it, in this order. */
  opened: (() => Promise<void> | void)[];
}

/**
 * The files of a store, opened and locked. `firstEpoch` is asked where there is no store yet. Raises `StoreLocked` where another
 * process has the folder, `StoreDamaged` where a file cannot be opened.
 */
export async function openEngine(options: EngineOptions, firstEpoch: () => Promise<number>): Promise<Engine> {
  const folder = path.join(options.dataFolder, 'store');
  await mkdir(folder, { recursive: true });
  const unlock = await takeLock(path.join(folder, 'lock'));
  const opened: (() => Promise<void> | void)[] = [unlock];
  try {
    const catalog = await Catalog.open(path.join(folder, 'catalog.db'), firstEpoch);
    opened.unshift(() => catalog.close());
    const tiers = await TierDatabase.open({
      folder,
      memoryMb: options.memoryMb,
      scratch: path.join(options.dataFolder, 'scratch', 'duckdb'),
    });
    opened.unshift(() => {
      tiers.close();
    });
    const cold = new ColdCache({
      folder: path.join(options.dataFolder, 'cache', 'cold'),
      archive: options.archive,
      maxBytes: options.coldCacheBytes,
      hashFile: options.hashFile,
    });
    const context = new EngineContext(
      catalog,
      tiers,
      cold,
      new TextCache(options.textCacheBytes ?? 0),
      options.archive,
      options.policy,
      options.hashFile,
      options.leaseMs,
      options.now,
    );
    return { context, opened };
  } catch (error) {
    await runAll(opened).catch(() => undefined);
    throw error;
  }
}

/**
 * `epoch` lies above every one that wrote under this bucket, so that a new store never takes another's objects for its own garbage.
 * `isEmpty`: no store wrote here, or nothing of it is left.
 */
export async function lookAtArchive(archive: ObjectStore): Promise<{ epoch: number; isEmpty: boolean }> {
  let newest = 0;
  let isEmpty = true;
  for (const prefix of [JOURNAL_PREFIX, COLD_PREFIX, TOMBSTONES_PREFIX, EXPIRIES_PREFIX]) {
    for await (const page of archive.list(prefix, { purpose: 'open' })) {
      for (const { key } of page.objects) {
        isEmpty = false;
        newest = Math.max(newest, operationOfObject(key) ?? idOfExpiry(key) ?? 0);
      }
    }
  }
  return { epoch: Math.floor(newest / IDS_PER_EPOCH) + 1, isEmpty };
}
