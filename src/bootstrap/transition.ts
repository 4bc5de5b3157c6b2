import { coldLots, type BatchSummary, type TransitionTotals } from '../contract/index.js';
import {
  beginTransition,
  compactCold,
  endTransition,
  moveRoundToCold,
  moveRoundToWarm,
  planCompaction,
  planTransition,
  sweep,
  type MaintenanceContext,
  type TransitionPlan,
} from '../maintenance/index.js';
import type { SweptCounts } from '../store/index.js';

export interface TransitionWork {
  maintenance: MaintenanceContext;
  /** The setting's clock: decides which rows are due. */
  clock: () => number;
  onMoved: (from: 'hot' | 'warm', batch: BatchSummary) => void;
  onSwept: (swept: SweptCounts) => void;
}

export interface TransitionOutcome extends TransitionTotals {
  /** False where it was told to stop between two rounds. */
  finished: boolean;
  /** Rows, tables and objects. */
  swept: number;
  /** Somebody paused moving; it is as finished as it can be. */
  paused: boolean;
}

/** In the names of reports: no workflow's. */
const BY_ITSELF = 'tier-transition/by-the-server';

/** As in the workflow: rows that change faster than they can be moved are left to the next transition. */
const FRUITLESS_BATCHES = 2;

/**
 * The tier transition as its workflow does it: all that is due as of now, hot to warm and warm to cold, in rounds of some seconds, then the sweep.
 * `goOn` is asked before each round.
 */
export async function runTransition(
  work: TransitionWork,
  goOn: () => boolean,
  signal: AbortSignal,
): Promise<TransitionOutcome> {
  const { maintenance, clock, onMoved, onSwept } = work;
  const asOf = clock();
  const transitionId = `${BY_ITSELF}/${new Date(maintenance.now()).toISOString()}`;
  const batch = { signal, transitionId };
  await beginTransition(maintenance, transitionId, asOf);
  const plan = (): Promise<TransitionPlan> => planTransition(maintenance, { asOf, all: false });
  const counted = async (from: 'hot' | 'warm', move: Promise<BatchSummary>): Promise<BatchSummary> => {
    const summary = await move;
    onMoved(from, summary);
    return summary;
  };
  const toWarm = await moveAll(() => counted('hot', moveRoundToWarm(maintenance, asOf, batch)), goOn);
  let toCold = 0;
  for (let due = await plan(); due.partitions.length > 0 && goOn(); due = await plan()) {
    const before = toCold;
    for (const lot of coldLots(due.partitions)) {
      const move = (): Promise<BatchSummary> =>
        counted('warm', moveRoundToCold(maintenance, asOf, lot, batch));
      toCold += await moveAll(move, goOn);
    }
    // The next plan would name the same partitions again.
    if (toCold === before) break;
  }
  const moved = { toWarm, toCold, swept: 0, paused: false };
  if (!goOn()) return { ...moved, finished: false };
  for (const partition of await planCompaction(maintenance, { all: false, asOf, ...batch })) {
    if (!goOn()) return { ...moved, finished: false };
    await compactCold(maintenance, partition, { all: false, ...batch });
  }
  if ((await plan()).paused === true) {
    await endTransition(maintenance, transitionId, null);
    return { ...moved, paused: true, finished: true };
  }
  const swept = await sweep(maintenance, signal);
  onSwept(swept);
  await endTransition(maintenance, transitionId, swept);
  return {
    ...moved,
    swept: swept.rows + swept.tables + swept.objects,
    paused: swept.paused === true,
    finished: true,
  };
}

/** Returns the rows moved. */
async function moveAll(move: () => Promise<BatchSummary>, goOn: () => boolean): Promise<number> {
  let rows = 0;
  for (let fruitless = 0; fruitless < FRUITLESS_BATCHES && goOn();) {
    const { due, moved, held } = await move();
    if (due === 0) break;
    fruitless = moved === 0 && held === undefined ? fruitless + 1 : 0;
    rows += moved;
  }
  return rows;
}
