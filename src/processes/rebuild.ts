import { mkdir } from 'node:fs/promises';
import { clockFrom, type Settings } from '../config/index.js';
import { readFound } from '../ingest/index.js';
import { rebuildStore, type Rebuilt, type RebuildProgress } from '../maintenance/index.js';
import { openObjectStore } from '../objects/index.js';
import { hashStored, ReaderPool } from '../reader/index.js';
import { runAll } from '../runtime/index.js';
import { openRebuild } from '../store/index.js';
import { engineOptions } from './engine-options.js';
import { useLocalS3Credentials } from './local-s3.js';
import { readerOptions } from './reader-options.js';
import { transitOf } from './server-parts.js';

export interface RebuildRequest {
  /** Since when the old server is certainly dead, milliseconds since 1970; null: since the rebuild was begun. */
  oldServerDeadSince: number | null;
  skipDamaged: boolean;
  onProgress: (progress: RebuildProgress) => void;
  /** As `RebuildContext.onDamaged`. */
  onDamaged: (key: string) => void;
  signal: AbortSignal;
}

/** Rebuilds the store of the data folder. Raises `StoreLocked` where a server runs on it, and as `rebuildStore` does. */
export async function runRebuild(settings: Settings, request: RebuildRequest): Promise<Rebuilt> {
  const closers: (() => Promise<void>)[] = [];
  const opened = <T extends { close: () => Promise<void> }>(part: T): T => {
    closers.unshift(() => part.close());
    return part;
  };
  try {
    await useLocalS3Credentials(settings.dataDir);
    const uploads = opened(await openObjectStore(settings.objectStore));
    const archive =
      settings.archiveStore === settings.objectStore
        ? uploads
        : opened(await openObjectStore(settings.archiveStore));
    const reader = opened(new ReaderPool({ size: 1, ...readerOptions(settings) }));
    const rebuild = opened(
      await openRebuild({
        ...engineOptions(settings, archive, reader),
        embeddingModel: settings.embeddingModel,
        asOf: clockFrom(settings)(),
      }),
    );
    const scratch = transitOf(settings.dataDir);
    await mkdir(scratch, { recursive: true });
    return await rebuildStore({
      rebuild,
      uploads,
      archive,
      scratch,
      readManifest: async (place, signal) => (await readFound({ uploads }, place, signal))?.upload,
      hashFile: (file) => hashStored(reader, file),
      longestMs: (settings.longestRequestSeconds + settings.longestSearchSeconds) * 1000,
      now: Date.now,
      ...request,
    });
  } finally {
    await runAll(closers);
  }
}
