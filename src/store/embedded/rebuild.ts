import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { EMBEDDING_MODEL } from '../../memory/index.js';
import { failPoint } from '../../faults/index.js';
import { runAll } from '../../runtime/index.js';
import type { FetchedObject, StoreRebuild } from '../rebuild.js';
import type { EngineContext } from './context.js';
import { loadTombstones } from './forgetting.js';
import { lookAtArchive, openEngine, type EngineOptions } from './open-engine.js';
import { placedStore } from './placed.js';
import { scrubTierRows } from './scrub-rows.js';
import { ObjectRows } from './tiers/object-rows.js';

export interface RebuildOptions extends EngineOptions {
  /** The model whose vectors are wanted, unless a backup says which. */
  embeddingModel?: string | undefined;
  /** By the setting's clock, milliseconds since 1970: decides hot or warm. */
  asOf: number;
}

/**
 * Begins a rebuild in a folder without a store, or goes on with the one that was begun there. Raises `StoreLocked` where a process has the folder,
 * and `BadRequest` where a store stands in it.
 */
export async function openRebuild(options: RebuildOptions): Promise<StoreRebuild> {
  // The epoch is told only when nothing of the old server can land any more.
  const { context, opened } = await openEngine(options, () => Promise.resolve(0));
  try {
    const { catalog } = context;
    if ((await catalog.read.rebuildBegunAt()) === 0 && (await catalog.read.currentEpoch()) === 0)
      await dropDerived(context, options.dataFolder);
    const begunAt = await catalog.write.beginRebuild(options.now());
    failPoint('rebuild.after-begin');
    await catalog.write.abortAllOperations(options.now());
    await catalog.write.ensureModel(options.embeddingModel ?? EMBEDDING_MODEL, options.now());
    return rebuildOf(context, { begunAt, hotCutoff: context.hotCutoff(options.asOf), opened });
  } catch (error) {
    await runAll(opened).catch(() => undefined);
    throw error;
  }
}

/** Rows and indexes that outlived their catalog are named by nothing, and an index would follow the changes of another store. */
async function dropDerived({ tiers }: EngineContext, dataFolder: string): Promise<void> {
  await tiers.dropAll();
  await rm(path.join(dataFolder, 'index'), { recursive: true, force: true });
}

function rebuildOf(
  context: EngineContext,
  {
    begunAt,
    hotCutoff,
    opened,
  }: { begunAt: number; hotCutoff: number; opened: (() => Promise<void> | void)[] },
): StoreRebuild {
  const { read, write } = context.catalog;
  return {
    begunAt,
    startEpoch: async () => write.startRebuildEpoch((await lookAtArchive(context.archive)).epoch),
    isDone: (step) => read.isStepDone(step),
    markDone: (step) => write.markStepDone(step),
    loadTombstones: (standing) => loadTombstones(context, standing),
    loadExpiries: (receipts) => write.loadExpiries(receipts),
    restoreBackup: (file, takenAt) => restoreBackup(context, file, takenAt),
    noteUploads: (standing) => write.noteUploads(standing),
    settleUploads: () => write.settleUploads(),
    unknownPlaces: (after, limit) => read.unknownPlaces(after, limit),
    queueUploads: async (found) => void (await write.registerUploads(found, context.now())),
    untoldReceipts: (after, limit) => read.untoldReceipts(after, limit),
    adoptReceipts: (receipts) => write.adoptReceipts(receipts),
    noteObjects: (objects) => write.noteObjects(objects),
    queueObjects: () => write.queueObjects(),
    queuedObjects: (after, limit) => read.queuedObjects(after, limit),
    takeObjects: (objects, signal) => takeObjects(context, objects, { hotCutoff, signal }),
    markDamaged: ({ name }) => write.markDamaged(name),
    progress: () => read.rebuildProgress(),
    finish: async () => {
      await context.tiers.checkpoint();
      const now = context.now();
      const counts = await write.finishRebuild({ now, keptSince: context.keptSince(now) });
      await write.checkpoint();
      return counts;
    },
    ...placedStore(context),
    scrubRows: (cursor, limit, signal) => scrubTierRows(context, () => false, { cursor, limit, signal }),
    close: () => runAll(opened),
  };
}

const NEVER = new AbortController().signal;

/**
 * Rows first, then the catalog's one transaction: where a crash comes between them the rows are found standing when the objects are taken again.
 */
async function takeObjects(
  { catalog, tiers, now }: EngineContext,
  objects: readonly FetchedObject[],
  { hotCutoff, signal = NEVER }: { hotCutoff: number; signal: AbortSignal | undefined },
): Promise<number> {
  const rows = await ObjectRows.load(tiers, objects, { hotCutoff, signal });
  try {
    await catalog.write.dropFound();
    const taken = await rows.describe();
    const chosen: number[] = [];
    let read = 0;
    for await (const part of rows.keys()) {
      read += part.length;
      chosen.push(...(await catalog.write.stageFound(part)));
    }
    if (chosen.length > 0 && objects[0]?.kind === 'journal') {
      await rows.insert(chosen);
      failPoint('rebuild.after-rows');
      for await (const texts of rows.texts()) await catalog.write.stageFoundTexts(texts);
    }
    await catalog.write.placeFound(taken, now());
    failPoint('rebuild.after-place');
    return read;
  } finally {
    rows.close();
  }
}

/** Rows of a backup per transaction. */
const RESTORED_AT_ONCE = 1_000;

const BackupLine = z.object({
  table: z.string(),
  row: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});

async function restoreBackup({ catalog }: EngineContext, file: string, takenAt: number): Promise<number> {
  let restored = 0;
  let rows: z.infer<typeof BackupLine>[] = [];
  const flush = async (): Promise<void> => {
    await catalog.write.restoreRows(rows);
    restored += rows.length;
    rows = [];
  };
  for await (const line of createInterface({ input: createReadStream(file).pipe(createGunzip()) })) {
    rows.push(BackupLine.parse(JSON.parse(line)));
    if (rows.length === RESTORED_AT_ONCE) await flush();
  }
  await flush();
  await catalog.write.noteBackup(takenAt);
  return restored;
}
