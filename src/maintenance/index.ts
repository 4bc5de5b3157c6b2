export { compactCold, planCompaction } from './compact.js';
export type { MaintenanceContext } from './context.js';
export { adoptDecided } from './expire.js';
export { moveChosen } from './move-chosen.js';
export { moveRoundToCold, moveRoundToWarm } from './move-round.js';
export { describeSelection, pin, unpin, type Selected } from './pins.js';
export { Pace } from './pace.js';
export { beginTransition, endTransition } from './report.js';
export { retireUploads, type RetentionContext } from './retention.js';
export { restoreDrill, type DrillContext } from './drill.js';
export { endScrub, scrubPortion, type ScrubContext } from './scrub.js';
export { sweep } from './sweep.js';
export {
  erasePass,
  finishForget,
  liftForget,
  loadTombstones,
  requestForget,
  resumeForgets,
  standingForgets,
  type ForgetContext,
} from './forget/index.js';
export type { RebuildContext, RebuildProgress } from './rebuild/context.js';
export { rebuildStore, type Rebuilt } from './rebuild/rebuild-store.js';
export {
  forecastTransition,
  moveToCold,
  moveToWarm,
  planTransition,
  type Forecast,
  type TransitionPlan,
} from './transition.js';
export { takeBackup, type BackupContext } from './backup/take-backup.js';
export { repairTier, type RepairProgress } from './repair.js';
