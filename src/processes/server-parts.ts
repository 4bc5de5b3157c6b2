import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { clockFrom, hostIn, isLoopback, zonesBySystem, type Settings } from '../config/index.js';
import { forgetIntake, inTurn, KnownManifests, UploadTraces, type IngestContext } from '../ingest/index.js';
import {
  Pace,
  type DrillContext,
  type ForgetContext,
  type MaintenanceContext,
  type RetentionContext,
  type ScrubContext,
} from '../maintenance/index.js';
import {
  openObjectStore,
  parseObjectStoreUrl,
  type ListPurpose,
  type ObjectStore,
} from '../objects/index.js';
import { hashStored, ReaderPool } from '../reader/index.js';
import { runAll, type CircuitBreakers } from '../runtime/index.js';
import { Models, openSearch, type Search, type SearchOptions } from '../search/index.js';
import { openEmbeddedStore, type MemoryStore } from '../store/index.js';
import { observeCircuitBreakers, type Logger, type Metrics } from '../telemetry/index.js';
import { drillContext } from './drills.js';
import { ingestEvents } from './activity-metrics.js';
import { createBreakers } from './breakers.js';
import { modelDirectory } from './model-directory.js';
import { engineOptions } from './engine-options.js';
import { observed } from './observed-store.js';
import { readerOptions, slowLane } from './reader-options.js';

/** Everything of a server that does not need Temporal. */
export interface ServerParts {
  store: MemoryStore;
  uploads: ObjectStore;
  archive: ObjectStore;
  reader: ReaderPool;
  search: Search;
  /** Undefined where embeddings are off. */
  models: Models | undefined;
  ingest: IngestContext;
  maintenance: MaintenanceContext;
  forget: ForgetContext;
  retention: RetentionContext;
  scrub: ScrubContext;
  drill: DrillContext;
  /** Of every remote that is called, as soon as it is known: a store that is a folder is none. */
  breakers: CircuitBreakers;
  /** The setting's clock. */
  clock: () => number;
  /** In the reverse order of opening; the store is checkpointed first. A closer that fails holds up none after it. */
  close(): Promise<void>;
}

/** What of the settings a search goes by. */
function searchRules(settings: Settings): Pick<SearchOptions, 'timeoutMs' | 'tierTimes' | 'recency'> {
  return {
    timeoutMs: settings.searchTimeoutSeconds * 1000,
    tierTimes: {
      hot: settings.searchHotSeconds * 1000,
      warm: settings.searchWarmSeconds * 1000,
      cold: settings.searchColdSeconds * 1000,
    },
    recency: { weight: settings.searchRecencyWeight, halfLifeDays: settings.searchRecencyHalfLifeDays },
  };
}

const DAY_MS = 86_400_000;
const MIB = 2 ** 20;

/** Opens the store and what works on it. Whatever had been opened is closed again where a later part fails. */
export async function openServerParts(
  settings: Settings,
  log: Logger,
  metrics: Metrics,
  breakers = createBreakers(log),
): Promise<ServerParts> {
  observeCircuitBreakers(metrics, () => breakers.statuses());
  const onListRequest = (purpose: ListPurpose): void => metrics.objectListRequests.inc({ purpose });
  const openRemote = async (name: string, url: string): Promise<ObjectStore> =>
    observed(await openObjectStore(url, { name, breakers, onListRequest }), metrics);
  const closers: (() => Promise<void>)[] = [];
  const opened = <T extends { close: () => Promise<void> }>(part: T): T => {
    closers.unshift(() => part.close());
    return part;
  };
  try {
    const uploads = opened(await openRemote('object-store', settings.objectStore));
    const archive =
      settings.archiveStore === settings.objectStore
        ? uploads
        : opened(await openRemote('archive-store', settings.archiveStore));
    // Where the files in transit are: what is read of an upload is moved there.
    const transit = transitOf(settings.dataDir);
    const reader = opened(
      new ReaderPool({
        size: settings.readerProcesses,
        slow: slowLane(settings, (systemId) =>
          log.warn(
            { systemId },
            'uploads of this system take long to read: they give way to those of others',
          ),
        ),
        folder: transit,
        ...readerOptions(settings),
      }),
    );
    const openedAt = Date.now();
    const store = opened(await openStore(settings, archive, reader));
    const scratch = await emptyScratch(settings.dataDir, openedAt);
    const models =
      settings.embeddings === 'off'
        ? undefined
        : opened(
            new Models({
              directoryOf: (model) => modelDirectory(settings, model),
              onLoad: (model, ms) => log.info({ model, ms }, 'embedding model loaded'),
            }),
          );
    const clock = clockFrom(settings);
    const search = openSearch({ store, models, clock, ...searchRules(settings) });
    const ingest: IngestContext = {
      store,
      uploads,
      reader,
      scratch,
      clock,
      mirrorSystems: settings.mirrorSystems,
      timeZones: zonesBySystem(settings.systemTimeZones),
      log,
      events: ingestEvents(metrics),
      traces: new UploadTraces(),
      manifests: new KnownManifests(),
    };
    const maintenance: MaintenanceContext = {
      store,
      archive,
      scratch,
      batchRows: settings.moveBatchRows,
      thawedMs: settings.thawedDays * DAY_MS,
      pace: new Pace(settings.moveRowsPerSecond),
      longestMs: (settings.longestRequestSeconds + settings.longestSearchSeconds) * 1000,
      now: Date.now,
      archiveHasClock: hasOwnClock(settings.archiveStore),
      onExpired: (memories) => metrics.expiredMemories.inc(memories),
      log,
    };
    return {
      store,
      uploads,
      archive,
      reader,
      search,
      models,
      breakers,
      clock,
      ingest,
      maintenance,
      forget: {
        ...maintenance,
        uploads,
        intake: forgetIntake(ingest),
        dropDerived: () => search.dropDerived(),
      },
      retention: {
        store,
        uploads,
        keepMs: settings.uploadRetentionDays * DAY_MS,
        now: maintenance.now,
        inTurn,
        log,
      },
      drill: drillContext(settings, { maintenance, uploads, reader, store }),
      scrub: {
        store,
        archive,
        scratch,
        hashFile: (file) => hashStored(reader, file),
        bytesPace: new Pace(settings.scrubMbPerSecond * MIB),
        // Of its own: moves and a scrub do not wait for each other.
        rowsPace: new Pace(settings.moveRowsPerSecond),
        log,
      },
      close: () => runAll([() => store.checkpoint(), ...closers]),
    };
  } catch (error) {
    for (const close of closers)
      await close().catch((fault: unknown) => log.warn({ err: fault }, 'closing after a failed start'));
    throw error;
  }
}

function openStore(settings: Settings, archive: ObjectStore, reader: ReaderPool): Promise<MemoryStore> {
  return openEmbeddedStore({
    ...engineOptions(settings, archive, reader),
    beginsEmpty: settings.beginEmptyStore,
    vectorIndexBytes: settings.vectorIndexMemoryMb * MIB,
    embeddingModel: settings.embeddingModel,
  });
}

/** A folder's files have the times of this machine, and so have the objects of a server that runs on it. */
export function hasOwnClock(url: string): boolean {
  const location = parseObjectStoreUrl(url);
  if (location.kind === 'file') return false;
  return location.endpoint === undefined || !isLoopback(hostIn(location.endpoint));
}

export function transitOf(dataDir: string): string {
  return path.join(dataDir, 'scratch', 'transit');
}

/**
 * What a process that died left in `scratch` is of no use to the next: its files in transit, and what its DuckDB spilled, which may
 * be as large as the disk lets it. After the store was opened, because only the holder of its lock knows that nobody else uses
 * the folder. By then the store may spill there itself, so what was written since `openedAt` stays. Returns the folder for
 * files in transit.
 */
async function emptyScratch(dataDir: string, openedAt: number): Promise<string> {
  const root = path.join(dataDir, 'scratch');
  const transit = transitOf(dataDir);
  await rm(transit, { recursive: true, force: true });
  await mkdir(transit, { recursive: true });
  for (const name of await readdir(root, { recursive: true })) {
    const file = path.join(root, name);
    // The store removes its own spill whenever it likes.
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile() === true && found.mtimeMs < openedAt) await rm(file, { force: true });
  }
  return transit;
}
