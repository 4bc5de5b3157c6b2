import type { StoreActivities } from '../contract/index.js';
import { drillActivities, type DrillActivityDeps } from './server-drill.js';
import { forgetActivities, type ForgetActivityDeps } from './server-forget.js';
import { ingestActivities, type IngestActivityDeps } from './server-ingest.js';
import { outageActivities, type OutageActivityDeps } from './server-outage.js';
import { retentionActivities, type RetentionActivityDeps } from './server-retention.js';
import { scrubActivities, type ScrubActivityDeps } from './server-scrub.js';
import { tierActivities, type TierActivityDeps } from './server-tiers.js';

export type { ActivityLog } from './server-ingest.js';

export type StoreActivityDeps = IngestActivityDeps &
  TierActivityDeps &
  OutageActivityDeps &
  ForgetActivityDeps &
  RetentionActivityDeps &
  ScrubActivityDeps &
  DrillActivityDeps;

/** The activities of the process that owns the store. */
export function createStoreActivities(deps: StoreActivityDeps): StoreActivities {
  return {
    ...ingestActivities(deps),
    ...tierActivities(deps),
    ...outageActivities(deps),
    ...forgetActivities(deps),
    ...retentionActivities(deps),
    ...scrubActivities(deps),
    ...drillActivities(deps),
  };
}
