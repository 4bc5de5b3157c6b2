import { mkdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { DrillStatus } from '../api/index.js';
import { clockFrom, type Settings } from '../config/index.js';
import { isoTime } from '../contract/index.js';
import { readFound } from '../ingest/index.js';
import type { DrillContext, MaintenanceContext } from '../maintenance/index.js';
import type { ObjectStore } from '../objects/index.js';
import { hashStored, type ReaderPool } from '../reader/index.js';
import { openRebuild, type MemoryStore, type ScrubStore } from '../store/index.js';
import type { Metrics } from '../telemetry/index.js';
import { engineOptions } from './engine-options.js';

/** The least that the store's DuckDB takes. */
const LEAST_MEMORY_MB = 128;

/** What a drill works with: the parts of the server, and a second store that it opens beside the first. */
export function drillContext(
  settings: Settings,
  { maintenance, uploads, reader, store }: DrillParts,
): DrillContext {
  const { archive, scratch, now, log } = maintenance;
  return {
    store,
    storeFolder: path.join(settings.dataDir, 'store'),
    scratch,
    openRebuild: async (folder) => {
      await mkdir(folder, { recursive: true });
      return openRebuild({
        ...engineOptions(settings, archive, reader),
        dataFolder: folder,
        // Beside the one that serves; what does not fit spills.
        memoryMb: Math.max(LEAST_MEMORY_MB, Math.floor(settings.storeMemoryMb / 2)),
        embeddingModel: settings.embeddingModel,
        asOf: clockFrom(settings)(),
      });
    },
    rebuild: {
      uploads,
      archive,
      readManifest: async (place, signal) => (await readFound({ uploads }, place, signal))?.upload,
      hashFile: (file) => hashStored(reader, file),
    },
    freeBytes: async (folder) => {
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
    now,
    ...(log === undefined ? {} : { log }),
  };
}

interface DrillParts {
  maintenance: Pick<MaintenanceContext, 'archive' | 'scratch' | 'now' | 'log'>;
  uploads: ObjectStore;
  reader: ReaderPool;
  store: MemoryStore;
}

/** As `restoreDrill` wrote it. */
const Report = z.object({
  passed: z.boolean(),
  reason: z.string().nullable(),
  memories: z.number(),
  later: z.number(),
  mismatches: z.number(),
  examples: z.array(z.string()),
  objects: z.number(),
  seconds: z.number(),
});

export async function drillStatus(store: ScrubStore): Promise<DrillStatus> {
  const [last] = await store.checks('drill', 1);
  if (last === undefined) return { last: null };
  const { checkId, begunAt, endedAt, report } = last;
  return {
    last: {
      id: checkId,
      begun_at: isoTime(begunAt),
      ended_at: endedAt === null ? null : isoTime(endedAt),
      report: report === null ? null : Report.parse(JSON.parse(report)),
    },
  };
}

/** The one that runs, and some that died, before the last that ended. */
const RUNS_LOOKED_AT = 10;

/** From the catalog, so that they outlive the process that held it. */
export async function observeDrills(store: ScrubStore, metrics: Metrics): Promise<void> {
  const ended = (await store.checks('drill', RUNS_LOOKED_AT)).find(({ endedAt }) => endedAt !== null);
  metrics.drillEnd.set((ended?.endedAt ?? 0) / 1000);
  metrics.drillOk.set(ended?.passed === false ? 0 : 1);
  metrics.drillDuration.set(((ended?.endedAt ?? 0) - (ended?.begunAt ?? 0)) / 1000);
}
