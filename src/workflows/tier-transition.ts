import { ApplicationFailure, continueAsNew, log, patched, proxyActivities } from '@temporalio/workflow';
import {
  coldLots,
  MAINTENANCE,
  moveOptions,
  storeQueryOptions,
  walkOptions,
  type BatchSummary,
  type ColdLot,
  type ColdPartitionPlan,
  type ErrorType,
  type StoreActivities,
  type SweepSummary,
  type Tier,
  type TierTransitionInput,
  type TierTransitionResult,
  type TransitionPlanSummary,
  type TransitionTotals,
} from '../contract/index.js';
import { scheduledStart } from './logical-date.js';
import { isTimeForNewRun } from './next-run.js';
import { trackProgress, type ProgressTracker } from './progress.js';

/**
 * A batch moves nothing where all its rows changed between copy and commit; the next one finds them as they are now. Twice in
 * a row means that they change faster than they can be moved: leave them to the next transition, an hour later.
 */
const FRUITLESS_BATCHES = 2;

/** A transition under way. */
interface Transition {
  /** Milliseconds since 1970. */
  asOf: number;
  all: boolean;
  totals: TransitionTotals;
  progress: ProgressTracker;
  /** Somebody paused moving: no batch is begun any more. */
  paused: boolean;
}

const { planTransition, planCompaction, endTransition } = proxyActivities<StoreActivities>(
  storeQueryOptions(MAINTENANCE),
);
const { moveToWarm, moveToCold, compactCold } = proxyActivities<StoreActivities>(moveOptions());
const { sweep } = proxyActivities<StoreActivities>(walkOptions());

/**
 * Moves what is due, hot to warm and warm to cold, batch by batch, until nothing is; then takes away what the moves left
 * behind. The instant that decides is fixed at the start, so that a long run has an end.
 */
export async function tierTransition({
  asOf: given,
  all = false,
  totals = { toWarm: 0, toCold: 0 },
  lastTier,
}: TierTransitionInput = {}): Promise<TierTransitionResult> {
  const progress = trackProgress('rows', { tier: lastTier ?? null });
  progress.enter('plan');
  const plan = await planTransition(
    given === undefined
      ? { asOf: null, scheduledFor: scheduledStart() ?? null, all }
      : { asOf: parseInstant(given), all },
  );
  const transition: Transition = {
    asOf: plan.asOf,
    all,
    totals: { ...totals },
    progress,
    paused: plan.paused === true,
  };

  if (plan.hot > 0) {
    await ageHot(transition, plan.hot);
    // What came from hot may be due for cold already.
    if (!transition.paused) await ageWarm(transition, await planAgain(transition));
  } else {
    await ageWarm(transition, plan);
  }

  if (!transition.paused && patched(COMPACTED)) await compact(transition);

  // Whoever paused it may mistrust what stands, so nothing is deleted either.
  const swept = transition.paused ? null : await takeAway(transition);
  transition.paused ||= swept?.paused === true;
  const report = patched(REPORTED) ? await endTransition({ swept }) : undefined;
  progress.finish(describe(transition, transition.paused ? null : swept));
  return {
    ...transition.totals,
    asOf: new Date(plan.asOf).toISOString(),
    sweptRows: swept?.rows ?? 0,
    sweptTables: swept?.tables ?? 0,
    sweptObjects: swept?.objects ?? 0,
    ...(transition.paused ? { paused: true } : {}),
    ...(report === undefined ? {} : { report }),
  };
}

/** Runs that began before transitions had reports, merged cold objects, or moved several systems to cold at once, go on without. */
const REPORTED = 'transition-report';
const COMPACTED = 'compaction';
const TOGETHER = 'cold-lots';

/** Before the sweep, which notes at once what it leaves behind. */
async function compact(transition: Transition): Promise<void> {
  const { all, asOf, progress } = transition;
  const { partitions } = await planCompaction({ all, asOf });
  if (partitions.length > 0) progress.enter('compact', { tier: 'cold', total: null });
  for (const partition of partitions) {
    const summary = nameOf(partition);
    const { paused } = await compactCold.executeWithOptions({ summary }, [{ partition, all }]);
    transition.paused ||= paused === true;
    if (transition.paused) return;
  }
}

function takeAway({ progress }: Transition): Promise<SweepSummary> {
  // The tier stays named, though the sweep is of all: it says where rows went last.
  progress.enter('sweep', { total: null });
  return sweep();
}

function describe({ totals: { toWarm, toCold } }: Transition, swept: SweepSummary | null): string {
  const moved = `rows: to warm ${toWarm}, to cold ${toCold}`;
  if (swept === null) return `paused; ${moved}`;
  return `${moved}; swept: rows ${swept.rows}, tables ${swept.tables}, objects ${swept.objects}`;
}

async function ageHot(transition: Transition, due: number): Promise<void> {
  const { asOf, totals, progress } = transition;
  progress.enter('warm', { tier: 'warm', done: totals.toWarm, total: totals.toWarm + due });
  await moveUntilDone(transition, 'toWarm', 'hot', () => moveToWarm({ asOf }));
}

async function ageWarm(transition: Transition, first: TransitionPlanSummary): Promise<void> {
  const { totals, progress } = transition;
  for (let plan = first; plan.partitions.length > 0; plan = await planAgain(transition)) {
    const before = totals.toCold;
    progress.enter('cold', { tier: 'cold', done: before, total: before + rowsOf(plan.partitions) });
    for (const [partition, ...others] of lotsOf(plan.partitions)) {
      const more = others.length === 0 ? '' : `, and ${others.length} more`;
      const summary = `${nameOf(partition)}${more}`;
      await moveUntilDone(transition, 'toCold', summary, () =>
        moveToCold.executeWithOptions({ summary }, [{ asOf: transition.asOf, partition, others }]),
      );
      if (transition.paused) return;
    }
    // The next plan would name the same partitions again.
    if (totals.toCold === before) return;
  }
}

/** Runs that began before several went together go on one by one. */
function lotsOf(partitions: readonly ColdPartitionPlan[]): ColdLot[] {
  if (!patched(TOGETHER)) return partitions.map((partition): ColdLot => [partition]);
  return coldLots(partitions);
}

async function planAgain(transition: Transition): Promise<TransitionPlanSummary> {
  const plan = await planTransition({ asOf: transition.asOf, all: transition.all });
  transition.paused ||= plan.paused === true;
  return plan;
}

const DESTINATIONS = { toWarm: 'warm', toCold: 'cold' } as const satisfies Record<
  keyof TransitionTotals,
  Tier
>;

async function moveUntilDone(
  transition: Transition,
  direction: keyof TransitionTotals,
  from: string,
  move: () => Promise<BatchSummary>,
): Promise<void> {
  const { asOf, all, totals, progress } = transition;
  for (let fruitless = 0; fruitless < FRUITLESS_BATCHES;) {
    const { due, moved, held, paused } = await move();
    transition.paused ||= paused === true;
    if (due === 0) return;
    // Rows that it held are out of the next batch, and so is what kept it from moving any.
    fruitless = moved === 0 && held === undefined ? fruitless + 1 : 0;
    totals[direction] += moved;
    progress.advance(totals[direction]);
    if (isTimeForNewRun()) {
      await continueAsNew<typeof tierTransition>({
        asOf: new Date(asOf).toISOString(),
        all,
        totals,
        lastTier: DESTINATIONS[direction],
      });
    }
  }
  log.warn('rows change faster than they can be moved; the next transition will try again', { from });
}

/** Not a number would become null on its way to the activity, and that means now. */
function parseInstant(text: string): number {
  const instant = Date.parse(text);
  if (!Number.isNaN(instant)) return instant;
  const type: ErrorType = 'BadRequest';
  throw ApplicationFailure.nonRetryable(`asOf must be an ISO 8601 time, not ${JSON.stringify(text)}`, type);
}

function rowsOf(partitions: readonly ColdPartitionPlan[]): number {
  return partitions.reduce((sum, { rows }) => sum + rows, 0);
}

function nameOf({ systemId, year, month }: Omit<ColdPartitionPlan, 'rows'>): string {
  return `${systemId}, ${year}-${String(month).padStart(2, '0')}`;
}
