export { SCHEDULES, type ScheduleDefinition, type ScheduleId } from './definitions.js';
export { lastDue } from './due.js';
export {
  backfillSchedule,
  listSchedules,
  pauseSchedule,
  resumeSchedule,
  triggerSchedule,
  type ScheduleState,
} from './operate.js';
export { reconcileSchedules, type Reconciled } from './reconcile.js';
