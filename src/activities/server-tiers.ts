import { activityInfo } from '@temporalio/activity';
import { MAX_PARTITIONS_PER_PLAN, type StoreActivities } from '../contract/index.js';
import {
  beginTransition,
  compactCold,
  endTransition,
  moveChosen,
  moveRoundToCold,
  moveRoundToWarm,
  planCompaction,
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

type TierActivities = Pick<
  StoreActivities,
  | 'planTransition'
  | 'moveToWarm'
  | 'moveToCold'
  | 'moveChosen'
  | 'planCompaction'
  | 'compactCold'
  | 'sweep'
  | 'endTransition'
>;

export function tierActivities({ maintenance, clock }: TierActivityDeps): TierActivities {
  return {
    planTransition: ({ asOf: given, scheduledFor, all }) =>
      runActivity(async () => {
        // A late or backfilled run does what was due at its own time; never what is not due yet, whatever Temporal's clock says.
        const asOf = given ?? Math.min(clock(), scheduledFor ?? Infinity);
        await beginTransition(maintenance, ownTransition(), asOf);
        const plan = await planTransition(maintenance, { asOf, all });
        return { ...plan, asOf, partitions: plan.partitions.slice(0, MAX_PARTITIONS_PER_PLAN) };
      }),

    moveToWarm: ({ asOf }) =>
      runActivity(({ signal }) =>
        moveRoundToWarm(maintenance, asOf, { signal, transitionId: ownTransition() }),
      ),

    moveToCold: ({ asOf, partition, others = [] }) =>
      runActivity(({ signal }) =>
        moveRoundToCold(maintenance, asOf, [partition, ...others], { signal, transitionId: ownTransition() }),
      ),

    moveChosen: (input) => runActivity(({ signal }) => moveChosen(maintenance, input, signal)),

    planCompaction: ({ all, asOf = clock() }) =>
      runActivity(async ({ signal }) => {
        const options = { all, asOf, signal, transitionId: ownTransition() };
        return { partitions: (await planCompaction(maintenance, options)).slice(0, MAX_PARTITIONS_PER_PLAN) };
      }),

    compactCold: ({ partition, all }) =>
      runActivity(({ signal }) =>
        compactCold(maintenance, partition, { all, signal, transitionId: ownTransition() }),
      ),

    sweep: () => runActivity(({ signal }) => sweep(maintenance, signal)),

    endTransition: ({ swept }) => runActivity(() => endTransition(maintenance, ownTransition(), swept)),
  };
}

/** The same in every run that it continues as, and never used again: so its report is one. */
function ownTransition(): string {
  return activityInfo().workflowExecution?.workflowId ?? '';
}
