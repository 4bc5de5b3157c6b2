import path from 'node:path';
import { AkoshaError, type Tier } from '../../contract/index.js';
import { EMBEDDING_MODEL } from '../../memory/index.js';
import { runAll } from '../../runtime/index.js';
import type { MemoryStore, TierCounts } from '../store.js';
import { openChosenCold, openChosenMove, openThaw } from './chosen-operations.js';
import { compactionStore } from './compaction.js';
import type { EngineContext } from './context.js';
import { explainMemory } from './explain.js';
import { forgetStore } from './forgetting.js';
import { openIngest } from './ingest-operation.js';
import { listKnown } from './list-known.js';
import { listMemories } from './list-memories.js';
import { openCold, openMove } from './move-operations.js';
import { lookAtArchive, openEngine, type EngineOptions } from './open-engine.js';
import { Damage } from './damage.js';
import { IndexingAgain } from './index-again.js';
import { placedStore } from './placed.js';
import { retentionLedger } from './retention.js';
import { scrubStore } from './scrub.js';
import { expiryLedger } from './expiry.js';
import { searchStore } from './search.js';
import { closeExpired, sweepRows } from './sweep.js';
import { TextWarmUp } from './text-warm-up.js';
import { measureTier } from './tiers/tier-size.js';
import { coldDue, transitionLedger } from './transitions.js';
import { VectorIndexes } from './vector-index/vector-indexes.js';
import { vectorStore } from './vectors.js';

export interface EmbeddedStoreOptions extends EngineOptions {
  /** Begin an empty store although the archive has the objects of another one. */
  beginsEmpty?: boolean;
  /** The most that the vector index of a model may take; by default, and at 0, there is none. */
  vectorIndexBytes?: number | undefined;
  /** What a new store begins with, by default the model of the hosts' own vectors. One that exists has its own. */
  embeddingModel?: string | undefined;
}

/**
 * The embedded engine: DuckDB for rows, SQLite for the catalog, one process. Raises `StoreLocked` where another process has
 * the folder, `StoreDamaged` where a file cannot be opened, `StoreLost` where the folder has no store and the archive is one's. What the
 * last process left open is aborted before anything else runs.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<MemoryStore> {
  const engine = await openEngine(options, () => firstEpoch(options));
  try {
    await requireWhole(engine.context, options);
    await engine.context.catalog.write.abortAllOperations(options.now());
    await engine.context.catalog.write.ensureModel(options.embeddingModel ?? EMBEDDING_MODEL, options.now());
    await engine.context.catalog.write.seedLook(options.now());
    const damage = await Damage.find(engine.context);
    // Asked before the indexing reads beside it: a second reader would start for this one number.
    const epoch = await engine.context.catalog.read.currentEpoch();
    const indexing = new IndexingAgain(engine.context);
    engine.opened.unshift(() => indexing.close());
    const indexes = await VectorIndexes.open(engine.context, {
      folder: path.join(options.dataFolder, 'index'),
      catalog: path.join(options.dataFolder, 'store', 'catalog.db'),
      epoch,
      maxBytes: options.vectorIndexBytes ?? 0,
    });
    engine.opened.unshift(() => indexes.close());
    const warmUp = new TextWarmUp(engine.context);
    engine.opened.unshift(() => warmUp.close());
    return storeOf(engine.context, { indexes, damage }, engine.opened);
  } catch (error) {
    await runAll(engine.opened).catch(() => undefined);
    throw error;
  }
}

/**
 * A folder without a store beside an archive with one is a disk that was lost, or not mounted, or another's bucket. Whoever began an empty
 * store there would answer searches with nothing, and take each host's next upload for all it ever had.
 */
async function firstEpoch({ archive, beginsEmpty }: EmbeddedStoreOptions): Promise<number> {
  const { epoch, isEmpty } = await lookAtArchive(archive);
  if (isEmpty || beginsEmpty === true) return epoch;
  throw new AkoshaError(
    'StoreLost',
    `the data folder has no store, and ${archive.url} has the objects of one: rebuild it from there with \`akosha rebuild\`, correct data_dir (AKOSHA_DATA_DIR) or archive_store (AKOSHA_ARCHIVE_STORE), or begin an empty store beside what stands with begin_empty_store (AKOSHA_BEGIN_EMPTY_STORE)`,
  );
}

async function requireWhole({ catalog }: EngineContext, { dataFolder }: EmbeddedStoreOptions): Promise<void> {
  const begunAt = await catalog.read.rebuildBegunAt();
  if (begunAt === 0) return;
  throw new AkoshaError(
    'StoreLost',
    `the store in ${dataFolder} is being rebuilt since ${new Date(begunAt).toISOString()}: end it with \`akosha rebuild\`, which goes on where it stopped`,
  );
}

function storeOf(
  context: EngineContext,
  { indexes, damage }: { indexes: VectorIndexes; damage: Damage },
  opened: readonly (() => Promise<void> | void)[],
): MemoryStore {
  const { catalog } = context;
  return {
    registerUploads: (found) => catalog.write.registerUploads(found, context.now()),
    knownUploads: (places) => catalog.read.knownUploads(places),
    nextUpload: (systemId) => catalog.read.nextUpload(systemId),
    getUpload: (ref) => catalog.read.getUpload(ref),
    listUploads: (page) => catalog.read.listUploads(page),
    greatestOrder: (systemId) => catalog.read.greatestOrder(systemId),
    unfinishedSystems: (limit) => catalog.read.unfinishedSystems(limit),
    countUnfinished: (registeredBefore) => catalog.read.countUnfinished(registeredBefore),
    backlog: () => catalog.read.backlog(),
    furthestBehind: (limit, systemId) => catalog.read.furthestBehind(limit, systemId),
    countUploads: () => catalog.read.countStates(),
    markReceipted: (ref) => catalog.write.advanceUpload(ref, 'committed', 'receipted'),
    markDone: (ref) => catalog.write.advanceUpload(ref, 'receipted', 'done'),
    beginRead: (ref) => catalog.write.beginRead(ref),
    recordReadFailure: (ref, reason) => catalog.write.recordReadFailure(ref, reason),
    withdrawRead: (ref) => catalog.write.withdrawRead(ref),
    clearReads: (ref) => catalog.write.clearReads(ref),
    quarantine: (ref, reason) => catalog.write.quarantineUpload(ref, reason, context.now()),
    requeue: (ref) => catalog.write.requeueUpload(ref, context.now()),
    drop: (ref, dropped) => catalog.write.dropUpload(ref, { ...dropped, at: context.now() }),
    requestAgain: (ref) => catalog.write.requestAgain(ref, context.now()),
    abandonAgain: (ref, reason) => catalog.write.abandonAgain(ref, reason),
    uploadsToForget: (request) => catalog.read.uploadsToForget(request),
    markForgotten: (ref) => catalog.write.markForgotten(ref, context.now()),
    quarantinedUploads: (limit) => catalog.read.quarantinedUploads(limit),
    renamedSystems: (limit, systemId) => catalog.read.renamedSystems(limit, systemId),

    listKnown: (...request) => listKnown(context, ...request),
    openIngest: (batch, signal) => openIngest(context, batch, signal),

    countDue: (asOf) =>
      catalog.background.countDue({
        hotCutoff: context.hotCutoff(asOf),
        warmCutoff: context.warmCutoff(asOf),
        now: context.now(),
      }),
    openMove: (asOf, limit, signal) => openMove(context, asOf, limit, signal),
    coldPartitionsDue: (asOf, all) =>
      catalog.background.coldPartitionsDue({
        cutoff: context.warmCutoff(asOf),
        ...coldDue(context, asOf, all),
        now: context.now(),
      }),
    openCold: (asOf, partition, limit, signal) => openCold(context, asOf, partition, limit, signal),
    countTiers: () => countTiers(context),
    closeExpiredOperations: () => closeExpired(context),
    sweepRows: (options, signal) => sweepRows(context, options, signal),
    chooseObjects: (names, options) => catalog.write.chooseObjects(names, { ...options, now: context.now() }),
    unnamedObjects: () => catalog.read.unnamedObjects(),
    forgetObjects: async (names) => {
      await context.cold.remove(names);
      await catalog.write.forgetUnnamed('object', names);
    },

    pinMemories: (memories, request) =>
      catalog.write.pinMemories(memories, { ...request, now: context.now() }),
    pinSystem: (systemId, request) => catalog.write.pinSystem(systemId, { ...request, now: context.now() }),
    unpinMemories: (memories) => catalog.write.unpinMemories(memories),
    unpinSystem: (systemId) => catalog.write.unpinSystem(systemId),
    listPins: (page) => catalog.read.listPins({ ...page, now: context.now() }),
    countSelected: (selection) => catalog.background.countSelected(selection),
    selectMemories: (selection, page) => catalog.background.selectPage(selection, page),
    openChosenMove: (...request) => openChosenMove(context, ...request),
    openChosenCold: (...request) => openChosenCold(context, ...request),
    openThaw: (...request) => openThaw(context, ...request),

    ...searchStore(context, indexes),
    lastChange: () => catalog.read.lastChange(),
    tiersMovedInto: (since) => catalog.read.tiersMovedInto(since),
    listMemories: (systemId, page) => listMemories(context, systemId, page),
    explainMemory: (key, asOf) => explainMemory(context, key, asOf),
    ...vectorStore(context, indexes),
    ...damage.methods(),
    ...forgetStore(context, indexes),
    ...transitionLedger(context),
    ...compactionStore(context),
    ...retentionLedger(context),
    ...placedStore(context),
    ...scrubStore(context, (tier) => damage.has(tier)),
    ...expiryLedger(context),

    unsaved: () => catalog.read.unsaved(),
    writeBackup: (file) => catalog.scan.writeBackup(file, context.now()),
    markSaved: (seq) => catalog.write.markSaved(seq),

    failure: () => catalog.failure(),
    checkpoint: async () => {
      await context.tiers.checkpoint();
      await catalog.write.checkpoint();
      await indexes.save();
    },
    close: async () => {
      await context.latch.closeAll();
      await runAll(opened);
    },
  };
}

async function countTiers(context: EngineContext): Promise<Record<Tier, TierCounts>> {
  const counts = await context.catalog.read.countTiers();
  for (const tier of ['hot', 'warm'] as const)
    Object.assign(counts[tier], await measureTier(context.tiers, tier));
  return counts;
}
