import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { clockFrom, type Settings } from '../config/index.js';
import type { IngestContext } from '../ingest/index.js';
import type { MaintenanceContext } from '../maintenance/index.js';
import { openObjectStore, type ObjectStore } from '../objects/index.js';
import { ReaderPool } from '../reader/index.js';
import { openSearch, type Search } from '../search/index.js';
import { findModel } from '../servers/index.js';
import { openEmbeddedStore, type MemoryStore } from '../store/index.js';
import type { Logger, Metrics } from '../telemetry/index.js';
import { observed, RemoteHealth } from './observed-store.js';

/** Everything of a server that does not need Temporal. */
export interface ServerParts {
  store: MemoryStore;
  uploads: ObjectStore;
  archive: ObjectStore;
  reader: ReaderPool;
  search: Search;
  ingest: IngestContext;
  maintenance: MaintenanceContext;
  /** Of the object stores: one, or two where the archive is a place of its own. */
  health: RemoteHealth[];
  /** The setting's clock. */
  clock: () => number;
  /** In the reverse order of opening; the store is checkpointed first. */
  close(): Promise<void>;
}

const MIB = 2 ** 20;

/** Opens the store and what works on it. Whatever had been opened is closed again where a later part fails. */
export async function openServerParts(
  settings: Settings,
  log: Logger,
  metrics: Metrics,
): Promise<ServerParts> {
  const health: RemoteHealth[] = [];
  const openRemote = async (name: string, url: string): Promise<ObjectStore> => {
    const remote = new RemoteHealth(name);
    health.push(remote);
    return observed(await openObjectStore(url), remote, metrics);
  };
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
    const reader = opened(
      new ReaderPool({
        size: settings.readerProcesses,
        memoryLimitMb: settings.readerMemoryMb,
        jobTimeoutMs: settings.readerTimeoutSeconds * 1000,
      }),
    );
    const store = opened(await openStore(settings, archive, reader));
    const scratch = await emptyScratch(settings.dataDir);
    const model = settings.modelDir ?? (await findModel())?.directory;
    const search = opened(
      openSearch({
        store,
        timeoutMs: settings.searchTimeoutSeconds * 1000,
        embeddings: settings.embeddings,
        modelDirectory: model,
        onModelLoad: (ms) => log.info({ ms }, 'embedding model loaded'),
      }),
    );
    const clock = clockFrom(settings);
    return {
      store,
      uploads,
      archive,
      reader,
      search,
      health,
      clock,
      ingest: { store, uploads, reader, scratch, clock },
      maintenance: {
        store,
        archive,
        scratch,
        batchRows: settings.moveBatchRows,
        longestMs: (settings.longestRequestSeconds + settings.longestSearchSeconds) * 1000,
        now: Date.now,
      },
      close: async () => {
        await store.checkpoint();
        for (const close of closers) await close();
      },
    };
  } catch (error) {
    for (const close of closers)
      await close().catch((fault: unknown) => log.warn({ err: fault }, 'closing after a failed start'));
    throw error;
  }
}

function openStore(settings: Settings, archive: ObjectStore, reader: ReaderPool): Promise<MemoryStore> {
  return openEmbeddedStore({
    dataFolder: settings.dataDir,
    archive,
    policy: {
      hotDays: settings.hotDays,
      warmDays: settings.warmDays,
      coldBatchRows: settings.coldBatchRows,
      coldOverdueDays: settings.coldOverdueDays,
    },
    memoryMb: settings.storeMemoryMb,
    coldCacheBytes: settings.coldCacheMb * MIB,
    leaseMs: settings.operationLeaseSeconds * 1000,
    hashFile: (file) => reader.hashFile(file),
    now: Date.now,
  });
}

/** Files in transit of a process that died are of no use to the next. Only called under the store's lock. */
async function emptyScratch(dataDir: string): Promise<string> {
  const scratch = path.join(dataDir, 'scratch', 'transit');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  return scratch;
}
