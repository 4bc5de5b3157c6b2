import * as again from './again.js';
import type { Read } from './as-json.js';
import * as backup from './backup.js';
import { backlog, furthestBehind } from './backlog.js';
import type { CatalogDatabase } from './database.js';
import * as chosen from './chosen.js';
import * as compaction from './compaction.js';
import * as damage from './damage.js';
import * as explain from './explain.js';
import * as findings from './findings.js';
import * as forget from './forget.js';
import * as forgets from './forgets.js';
import * as expiry from './expiry.js';
import { forecastTransition } from './forecast.js';
import * as indexFeed from './index-feed.js';
import * as ingest from './ingest.js';
import * as known from './known.js';
import * as lookup from './lookup.js';
import * as models from './models.js';
import * as moves from './moves.js';
import * as operations from './operations.js';
import * as pins from './pins.js';
import * as placed from './placed.js';
import * as quarantine from './quarantine.js';
import * as reads from './reads.js';
import * as rebuild from './rebuild.js';
import * as rebuildLedger from './rebuild-ledger.js';
import * as rebuildObjects from './rebuild-objects.js';
import * as scrub from './scrub.js';
import * as select from './select.js';
import * as repair from './repair.js';
import * as rewrites from './rewrites.js';
import * as retention from './retention.js';
import * as sweep from './sweep.js';
import * as textIndex from './text-index.js';
import * as transitions from './transitions.js';
import { listUploads } from './upload-list.js';
import * as uploads from './uploads.js';
import * as vectors from './vectors.js';
import * as wordSearch from './word-search.js';

/** What the catalog's writing thread answers. All of it runs on one connection, one call after the other. */
export const WRITE_METHODS = {
  registerUploads: uploads.registerUploads,
  advanceUpload: uploads.advanceUpload,
  beginRead: reads.beginRead,
  recordReadFailure: reads.recordReadFailure,
  withdrawRead: reads.withdrawRead,
  clearReads: reads.clearReads,
  quarantineUpload: quarantine.quarantineUpload,
  requeueUpload: quarantine.requeueUpload,
  dropUpload: quarantine.dropUpload,
  requestAgain: again.requestAgain,
  abandonAgain: again.abandonAgain,
  stageRows: ingest.stageRows,
  stageTexts: textIndex.stageTexts,
  indexAgain: textIndex.indexAgain,
  knownState: known.knownState,
  stageMissing: known.stageMissing,
  dropStage: ingest.dropStage,
  openIngest: ingest.openIngest,
  commitIngest: ingest.commitIngest,
  openMove: moves.openMove,
  openCold: moves.openCold,
  commitMove: moves.commitMove,
  commitCold: moves.commitCold,
  noteDamage: damage.noteDamage,
  endDamage: damage.endDamage,
  openRepair: repair.openRepair,
  commitRepair: repair.commitRepair,
  openRewrite: rewrites.openRewrite,
  commitRewrite: rewrites.commitRewrite,
  beginForget: forget.beginForget,
  addForgetCounts: forget.addCounts,
  mergeWords: forget.mergeWords,
  hasDeletedWords: forget.hasDeletedWords,
  overwriteFreePages: forget.overwriteFreePages,
  finishForget: forgets.finishForget,
  liftForget: forgets.liftForget,
  loadTombstones: forgets.loadTombstones,
  markForgotten: uploads.markForgotten,
  beginRetirement: retention.beginRetirement,
  endRetirement: retention.endRetirement,
  noteRawBack: retention.noteRawBack,
  beginCheck: findings.beginCheck,
  endCheck: findings.endCheck,
  noteFindings: findings.noteFindings,
  releaseFindings: findings.releaseFindings,
  seedLook: expiry.seedLook,
  takeExpiryId: expiry.takeExpiryId,
  beginExpiry: expiry.beginExpiry,
  expireBatch: expiry.expireBatch,
  endExpiry: expiry.endExpiry,
  loadExpiries: expiry.loadExpiries,
  openOperations: operations.openOperations,
  expiredOperations: operations.expiredOperations,
  abortOperation: operations.abortOperation,
  abortAllOperations: operations.abortAllOperations,
  chooseRows: sweep.chooseRows,
  chooseObjects: sweep.chooseObjects,
  forgetUnnamed: sweep.forgetUnnamed,
  trimChanges: sweep.trimChanges,
  openChosen: chosen.openChosen,
  commitThaw: chosen.commitThaw,
  pinMemories: pins.pinMemories,
  pinSystem: pins.pinSystem,
  unpinMemories: pins.unpinMemories,
  unpinSystem: pins.unpinSystem,
  pauseTiers: transitions.pauseTiers,
  resumeTiers: transitions.resumeTiers,
  beginTransition: transitions.beginTransition,
  endTransition: transitions.endTransition,
  takeCompactionTurn: compaction.takeCompactionTurn,
  ensureModel: models.ensureModel,
  beginModelMove: models.beginModelMove,
  finishModelMove: models.finishModelMove,
  deleteOldVectors: models.deleteOldVectors,
  keepVectors: vectors.keepVectors,
  stopWaiting: vectors.stopWaiting,
  beginRebuild: rebuild.beginRebuild,
  markSaved: backup.markSaved,
  restoreRows: backup.restoreRows,
  noteBackup: backup.noteBackup,
  startRebuildEpoch: rebuild.startRebuildEpoch,
  markStepDone: rebuild.markStepDone,
  finishRebuild: rebuild.finishRebuild,
  noteUploads: rebuildLedger.noteUploads,
  settleUploads: rebuildLedger.settleUploads,
  adoptReceipts: rebuildLedger.adoptReceipts,
  noteObjects: rebuildObjects.noteObjects,
  queueObjects: rebuildObjects.queueObjects,
  markDamaged: rebuildObjects.markDamaged,
  dropFound: rebuildObjects.dropFound,
  stageFound: rebuildObjects.stageFound,
  stageFoundTexts: rebuildObjects.stageFoundTexts,
  placeFound: rebuildObjects.placeFound,
  ensureEpoch,
  checkpoint: (db: CatalogDatabase): boolean => db.checkpoint(),
};

/** What its reading threads answer: they see the last commit and hold nobody up. */
export const READ_METHODS = {
  knownUploads: uploads.knownUploads,
  nextUpload: uploads.nextUpload,
  getUpload: uploads.getUpload,
  listUploads,
  greatestOrder: uploads.greatestOrder,
  unfinishedSystems: uploads.unfinishedSystems,
  countUnfinished: uploads.countUnfinished,
  backlog,
  furthestBehind,
  countStates: uploads.countStates,
  quarantinedUploads: quarantine.quarantinedUploads,
  renamedSystems: uploads.renamedSystems,
  countDue: moves.countDue,
  coldPartitionsDue: moves.coldPartitionsDue,
  countPlaced: sweep.countPlaced,
  unnamedObjects: sweep.unnamedObjects,
  previewForget: forget.previewForget,
  countInScope: forget.countInScope,
  countLostWords: forget.countLostWords,
  forgottenKeys: forget.forgottenKeys,
  getForget: forgets.getForget,
  listForgets: forgets.listForgets,
  tombstones: forgets.tombstones,
  isKeeper: rewrites.isKeeper,
  keepers: rewrites.keepers,
  uploadsToForget: uploads.uploadsToForget,
  uploadsToRetire: retention.uploadsToRetire,
  countExpiring: expiry.countExpiring,
  knownTimes: expiry.knownTimes,
  arePinsSaved: expiry.arePinsSaved,
  openExpiries: expiry.openExpiries,
  expiredMemories: expiry.expiredMemories,
  expiryIds: expiry.expiryIds,
  countPlacements: known.countPlacements,
  knownRows: known.knownRows,
  damagedTiers: damage.damagedTiers,
  placedPage: placed.placedPage,
  placedOf: placed.placedOf,
  objectsOnRecord: placed.objectsOnRecord,
  pendingAmong: placed.pendingAmong,
  expiryCutoff: placed.expiryCutoff,
  checks: findings.checks,
  countFindings: findings.countFindings,
  movingStop: findings.movingStop,
  standingFindings: findings.standingFindings,
  countStanding: findings.countStanding,
  lastObject: scrub.lastObject,
  objectsToScrub: scrub.objectsToScrub,
  keepsRows: scrub.keepsRows,
  keptPlacements: scrub.keptPlacements,
  stillKept: scrub.stillKept,
  placedBetween: scrub.placedBetween,
  placedWithin: scrub.placedWithin,
  stillPlaced: scrub.stillPlaced,
  unplacedRows: scrub.unplacedRows,
  rowsToCheck: repair.rowsToCheck,
  newestPlaced: repair.newestPlaced,
  repairSources: repair.repairSources,
  placements: lookup.placements,
  systemPlacements: lookup.systemPlacements,
  searchText: wordSearch.searchText,
  listMatches: wordSearch.listMatches,
  lastChange: indexFeed.lastChange,
  tiersMovedInto: indexFeed.tiersMovedInto,
  memoriesToIndex: textIndex.memoriesToIndex,
  choosePage: chosen.choosePage,
  sourceObjects: chosen.sourceObjects,
  listPins: pins.listPins,
  selectPage: select.selectPage,
  countSelected: select.countSelected,
  explainPlacement: explain.explainPlacement,
  partitionDue: explain.partitionDue,
  coldObjects: lookup.coldObjects,
  isCompactionTurn: compaction.isCompactionTurn,
  compactionsDue: compaction.compactionsDue,
  compactionGroups: compaction.compactionGroups,
  keptRows: compaction.keptRows,
  countTiers: lookup.countTiers,
  tierPause: transitions.tierPause,
  transitionReports: transitions.transitionReports,
  forecastTransition,
  modelNames: models.modelNames,
  vectorModels: models.vectorModels,
  waitingPlacements: vectors.waitingPlacements,
  searchMadeVectors: vectors.searchMadeVectors,
  unsaved: backup.unsaved,
  writeBackup: backup.writeBackup,
  rebuildBegunAt: rebuild.rebuildBegunAt,
  isStepDone: rebuild.isStepDone,
  unknownPlaces: rebuildLedger.unknownPlaces,
  untoldReceipts: rebuildLedger.untoldReceipts,
  queuedObjects: rebuildObjects.queuedObjects,
  rebuildProgress: rebuildObjects.rebuildProgress,
  currentEpoch: (db: CatalogDatabase): number => db.number(`SELECT value FROM meta WHERE key = 'epoch'`),
};

/** Gives a new catalog its epoch; one that has an epoch keeps it. Returns the epoch in force. */
function ensureEpoch(db: CatalogDatabase, epoch: number): number {
  return db.transaction(() => {
    const current = db.number(`SELECT value FROM meta WHERE key = 'epoch'`);
    if (current > 0) return current;
    db.startEpoch(epoch);
    return epoch;
  });
}

type Method = (db: CatalogDatabase, ...args: never[]) => unknown;
type WithoutDatabase<M> = M extends (db: CatalogDatabase, ...args: infer A) => infer R
  ? (...args: A) => Promise<Read<R>>
  : never;

/** The same methods as seen from the main thread. */
export type Remote<Methods extends Record<string, Method>> = {
  readonly [Name in keyof Methods]: WithoutDatabase<Methods[Name]>;
};
