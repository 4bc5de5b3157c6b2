import type { TransitionSummary } from '../contract/index.js';
import type { SweptCounts } from '../store/index.js';
import type { MaintenanceContext } from './context.js';

const NOTHING: SweptCounts = { rows: 0, tables: 0, objects: 0 };

/** Begins the report of a transition; a step of it that is taken again goes on with the one there is. */
export function beginTransition(
  { store }: MaintenanceContext,
  transitionId: string,
  asOf: number,
): Promise<void> {
  return store.beginTransition(transitionId, asOf);
}

/** Ends it, and sums it up. `swept` is null where it was paused before the sweep. */
export async function endTransition(
  { store, log }: MaintenanceContext,
  transitionId: string,
  swept: SweptCounts | null,
): Promise<TransitionSummary> {
  const { paused, ...counts } = swept ?? { ...NOTHING, paused: true };
  await store.endTransition(transitionId, paused === true ? 'paused' : 'done', counts);
  const report = await store.transitionReport(transitionId);
  if (report === undefined)
    return { toWarm: 0, toCold: 0, compacted: 0, expired: 0, held: 0, objects: 0, bytes: 0, seconds: 0 };
  const summary = { ...report.totals, seconds: ((report.endedAt ?? report.begunAt) - report.begunAt) / 1000 };
  if (summary.toWarm + summary.toCold + summary.compacted + summary.expired + summary.held > 0) {
    log?.info({ transitionId, ...summary, swept }, 'transition of tiers');
  }
  return summary;
}
