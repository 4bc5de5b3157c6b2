export type { MaintenanceContext } from './context.js';
export { moveChosen, type ChosenMove } from './move-chosen.js';
export { describeSelection, pin, unpin, type Selected } from './pins.js';
export { sweep } from './sweep.js';
export { moveToCold, moveToWarm, planTransition, type TransitionPlan } from './transition.js';
export {
  erasePass,
  finishForget,
  liftForget,
  loadTombstones,
  requestForget,
  resumeForgets,
  type ForgetContext,
} from './forget/index.js';
