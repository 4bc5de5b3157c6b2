export { createAkoshaClient, type AkoshaClient } from './client.js';
export { openConnection, type TemporalConnection, type TemporalOptions } from './connection.js';
export { orchestratorUnavailable, translateError, type TemporalPlace } from './errors.js';
export type { RunHandle } from './run-handle.js';
export {
  DAILY_INGEST_TEXTS,
  MAINTENANCE_TEXTS,
  RESTORE_DRILL_TEXTS,
  SCRUB_TEXTS,
  TIER_TRANSITION_TEXTS,
} from './start-options.js';
// What a program needs to read the answers.
export { AkoshaError, isAkoshaError, type ErrorType, type Progress } from '../contract/index.js';
export type { DailyIngestResult, TierTransitionResult, UploadMemoryResult } from '../contract/index.js';
