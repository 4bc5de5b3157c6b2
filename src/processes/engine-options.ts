import type { Settings } from '../config/index.js';
import type { ObjectStore } from '../objects/index.js';
import { hashStored, type ReaderPool } from '../reader/index.js';
import type { EngineOptions } from '../store/index.js';

const MIB = 2 ** 20;

/** What the settings say of the embedded engine, whoever opens it. */
export function engineOptions(settings: Settings, archive: ObjectStore, reader: ReaderPool): EngineOptions {
  return {
    dataFolder: settings.dataDir,
    archive,
    policy: {
      hotDays: settings.hotDays,
      warmDays: settings.warmDays,
      coldBatchRows: settings.coldBatchRows,
      coldOverdueDays: settings.coldOverdueDays,
      retentionDays: settings.coldRetentionDays,
    },
    memoryMb: settings.storeMemoryMb,
    coldCacheBytes: settings.coldCacheMb * MIB,
    textCacheBytes: settings.textCacheMb * MIB,
    leaseMs: settings.operationLeaseSeconds * 1000,
    hashFile: (file, options) => hashStored(reader, file, options),
    now: Date.now,
  };
}
