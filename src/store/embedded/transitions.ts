import type { TransitionLedger } from '../store.js';
import type { EngineContext } from './context.js';

const DAY_MS = 86_400_000;

/** The brake and the reports of transitions, as the catalog keeps them. */
export function transitionLedger(context: EngineContext): TransitionLedger {
  const { read, background, write } = context.catalog;
  return {
    tierPause: () => background.tierPause(),
    pauseTiers: (reason) => write.pauseTiers(reason, context.now()),
    resumeTiers: () => write.resumeTiers(),
    beginTransition: (transitionId, asOf) =>
      write.beginTransition({ transitionId, asOf, now: context.now() }),
    endTransition: (transitionId, outcome, swept) =>
      write.endTransition({ transitionId, outcome, swept, now: context.now() }),
    transitionReport: async (transitionId) =>
      (await read.transitionReports({ limit: 1, parts: 0, transitionId }))[0],
    transitionReports: (limit, parts) => read.transitionReports({ limit, parts }),
    forecastTransition: ({ all, ...request }) =>
      background.forecastTransition({
        ...request,
        ...coldDue(context, request.asOf, all),
        hotCutoff: context.hotCutoff(request.asOf),
        warmCutoff: context.warmCutoff(request.asOf),
        now: context.now(),
      }),
  };
}

/** When a system and month of rows is worth an object. */
export function coldDue(
  context: EngineContext,
  asOf: number,
  all: boolean,
): { minRows: number; overdueCutoff: number } {
  const { coldBatchRows, coldOverdueDays } = context.policy;
  return {
    minRows: all ? 1 : coldBatchRows,
    overdueCutoff: context.warmCutoff(asOf) - coldOverdueDays * DAY_MS,
  };
}
