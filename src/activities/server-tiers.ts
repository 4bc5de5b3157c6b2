import { MAX_PARTITIONS_PER_PLAN, type StoreActivities } from '../contract/index.js';
import {
  moveToCold,
  moveToWarm,
  planTransition,
  sweep,
  type MaintenanceContext,
} from '../maintenance/index.js';
import { runActivity } from './run-activity.js';

export interface TierActivityDeps {
  maintenance: MaintenanceContext;
  /** The setting's clock, milliseconds since 1970: decides which rows are due. */
  clock: () => number;
}

type TierActivities = Pick<StoreActivities, 'planTransition' | 'moveToWarm' | 'moveToCold' | 'sweep'>;

export function tierActivities({ maintenance, clock }: TierActivityDeps): TierActivities {
  return {
    planTransition: ({ asOf: given, scheduledFor, all }) =>
      runActivity(async () => {
        // A late or backfilled run does what was due at its own time; never what is not due yet, whatever Temporal's clock says.
        const asOf = given ?? Math.min(clock(), scheduledFor ?? Infinity);
        const { hot, warm, partitions } = await planTransition(maintenance, { asOf, all });
        return { asOf, hot, warm, partitions: partitions.slice(0, MAX_PARTITIONS_PER_PLAN) };
      }),

    moveToWarm: ({ asOf }) => runActivity(({ signal }) => moveToWarm(maintenance, asOf, signal)),

    moveToCold: ({ asOf, partition }) =>
      runActivity(({ signal }) => moveToCold(maintenance, asOf, partition, signal)),

    sweep: () => runActivity(({ signal }) => sweep(maintenance, signal)),
  };
}
