export type { MaintenanceContext } from './context.js';
export { sweep } from './sweep.js';
export { moveToCold, moveToWarm, planTransition, type TransitionPlan } from './transition.js';
