import type { RepairStatus } from '../api/index.js';
import { isAkoshaError, messageOf, TABLE_TIERS, type RepairableTier } from '../contract/index.js';
import { repairTier, type MaintenanceContext, type RepairProgress } from '../maintenance/index.js';
import type { Logger, Metrics } from '../telemetry/index.js';

/** Repairs of tiers, one at a time. They need no Temporal: what is damaged is to come back whatever else is away. */
export interface Repairs {
  /** Begins a repair of these tiers, or joins the one that runs. Returns how it stands. */
  start(tiers: readonly RepairableTier[]): RepairStatus;
  status(): RepairStatus;
  /** Sets the gauge of what is out. */
  observe(): void;
  /** Ends once the signal is raised and the repair under way has ended its part; what is left is found by the next. */
  run(signal: AbortSignal): Promise<void>;
}

export function openRepairs(
  context: MaintenanceContext,
  { log, metrics }: { log: Logger; metrics: Metrics },
): Repairs {
  const stopping = new AbortController();
  const parts = new Map<RepairableTier, RepairProgress>();
  let running: Promise<void> | undefined;
  let failure: string | null = null;

  const repair = async (tiers: readonly RepairableTier[]): Promise<void> => {
    try {
      for (const tier of tiers) {
        await repairTier(context, tier, (progress) => parts.set(tier, progress), stopping.signal);
        log.info({ tier, ...parts.get(tier) }, 'a tier is repaired');
      }
    } catch (error) {
      failure = messageOf(error);
      if (!isAkoshaError(error, 'Cancelled')) log.error({ err: error }, 'a repair failed; begin it again');
    } finally {
      running = undefined;
      observe();
    }
  };

  const status = (): RepairStatus => ({
    running: running !== undefined,
    damaged: context.store
      .damaged()
      .map(({ tier, since }) => ({ tier, since: new Date(since).toISOString() })),
    tiers: [...parts.values()].map(({ tier, setAside, checked, lost, repaired, held }) => ({
      tier,
      set_aside: setAside,
      checked,
      lost,
      repaired,
      held: held.reduce((sum, { rows }) => sum + rows, 0),
    })),
    failure,
  });

  const observe = (): void => {
    const out = new Set(context.store.damaged().map(({ tier }) => tier));
    for (const tier of TABLE_TIERS) metrics.tierDamaged.set({ tier }, out.has(tier) ? 1 : 0);
  };

  return {
    start: (tiers) => {
      if (running === undefined && !stopping.signal.aborted) {
        parts.clear();
        failure = null;
        running = repair(tiers);
      }
      return status();
    },
    status,
    observe,
    run: async (signal) => {
      observe();
      for (const { tier, since } of context.store.damaged())
        log.error(
          { tier, since },
          'the file of a tier was lost or damaged: bring it back with `akosha repair`',
        );
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
        if (signal.aborted) resolve();
      });
      stopping.abort();
      await running;
    },
  };
}
